import { defineCommand } from '../../contract/command.ts'
import { argument, flag } from '../../contract/params.ts'
import { checkProtocol, type Foreground, inForeground, tunnelParams, tunnelsOf } from './_tunnels.ts'

export const p2pListen = defineCommand({
  path: 'p2p listen',
  summary: 'Let peers reach a TCP service',
  description:
    'Connects streams of a protocol that peers open ("p2p forward") to a TCP address. It lasts until "p2p close", or ' +
    'with --foreground until the command ends.',
  examples: [
    { line: 'tsipfs p2p listen /x/web /ip4/127.0.0.1/tcp/8080', explains: 'Offer a local web server to peers.' },
    { line: 'tsipfs p2p listen -f /x/web /ip4/127.0.0.1/tcp/8080', explains: 'Offer it until Ctrl-C.' },
  ],
  needs: 'daemon',
  experimental: true,
  result: { Status: 'text: active or closing', Protocol: 'text', Address: 'text' },
  params: {
    protocol: argument('protocol', 'Protocol name; begins with /x/'),
    target: argument('target-address', 'TCP address of the service'),
    reportPeerId: flag('Send the peer id and a newline to the service before anything else', { short: 'r' }),
    ...tunnelParams,
  },
  async *run(input, { node, signal, answer }): AsyncIterable<Foreground> {
    const tunnels = await tunnelsOf({ node, signal })
    checkProtocol(input.protocol, input.allowCustomProtocol)
    const listener = await tunnels.listen(input.protocol, input.target, { reportPeerId: input.reportPeerId })
    if (!input.foreground) return
    yield* inForeground(listener, { Protocol: input.protocol, Address: input.target }, { signal, answer })
  },
  async render(outputs, { out }) {
    for await (const { Status, Protocol, Address } of outputs) {
      if (Status === 'active') {
        await out.write(`Listening on ${Protocol}, forwarding to ${Address}, waiting for interrupt...\n`)
      } else {
        await out.write(`Received interrupt, removing listener for ${Protocol}\n`)
      }
    }
  },
})
