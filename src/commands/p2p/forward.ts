import { defineCommand } from '../../contract/command.ts'
import { argument } from '../../contract/params.ts'
import { checkProtocol, type Foreground, inForeground, tunnelParams, tunnelsOf } from './_tunnels.ts'

export const p2pForward = defineCommand({
  path: 'p2p forward',
  summary: 'Forward TCP connections to a peer',
  description:
    'Listens on a TCP address and connects who comes to the service that a peer offers ("p2p listen"). It lasts until ' +
    '"p2p close", or with --foreground until the command ends. With port 0 the system chooses one: see "p2p ls".',
  examples: [
    {
      line: 'tsipfs p2p forward /x/web /ip4/127.0.0.1/tcp/3000 /p2p/12D3KooW…',
      explains: 'Reach the service of a peer on port 3000 here.',
    },
  ],
  needs: 'daemon',
  experimental: true,
  result: { Status: 'text: active or closing', Protocol: 'text', Address: 'text' },
  params: {
    protocol: argument('protocol', 'Protocol name; begins with /x/'),
    listen: argument('listen-address', 'TCP address to listen on'),
    target: argument('target-address', 'The peer, as /p2p/<peer id>', { complete: 'peer' }),
    ...tunnelParams,
  },
  async *run(input, { node, signal, answer }): AsyncIterable<Foreground> {
    const tunnels = await tunnelsOf({ node, signal })
    const { resolveTargets } = await import('../../node/network/targets.ts')
    const [target = input.target] = await resolveTargets([input.target], { signal })
    checkProtocol(input.protocol, input.allowCustomProtocol)
    const listener = await tunnels.forward(input.protocol, input.listen, target)
    if (!input.foreground) return
    yield* inForeground(listener, { Protocol: input.protocol, Address: input.listen }, { signal, answer })
  },
  async render(outputs, { out }) {
    for await (const { Status, Protocol, Address } of outputs) {
      if (Status === 'active') await out.write(`Forwarding ${Protocol} to ${Address}, waiting for interrupt...\n`)
      else await out.write(`Received interrupt, removing forwarder for ${Protocol}\n`)
    }
  },
})
