import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { argumentList } from '../../contract/params.ts'
import { renderStrings } from '../_strings.ts'

export const swarmConnect = defineCommand({
  path: 'swarm connect',
  summary: 'Open connections to peers',
  description:
    'The address of a peer ends in /p2p/ and its id. With /p2p/ and the id alone its addresses are looked up. To be ' +
    'connected already is no failure.',
  examples: [
    { line: 'tsipfs swarm connect /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW…', explains: 'Connect to one peer.' },
    { line: 'tsipfs swarm connect /p2p/12D3KooW…', explains: 'Find its addresses first.' },
  ],
  needs: 'daemon',
  refusesOffline: true,
  output: 'value',
  result: { Strings: ['text'] },
  params: {
    address: argumentList('address', 'Addresses of peers to connect to', { stdin: true, complete: 'address' }),
  },
  async *run(input, { node, signal }) {
    const { swarm } = await node.network({ signal })
    const { resolveTargets } = await import('../../node/network/targets.ts')
    const lines: string[] = []
    const connected = new Set<string>()
    for (const address of await resolveTargets(input.address, { signal })) {
      try {
        const peer = await swarm.connect(address, { signal })
        // Several addresses of a peer are one peer, as in Kubo.
        if (!connected.has(peer)) lines.push(`connect ${peer} success`)
        connected.add(peer)
      } catch (error) {
        if (!(error instanceof Failure) || error.kind === 'usage') throw error
        const { kind, hint, data } = error
        const peer = address.replace(/^.*\/p2p\//, '')
        throw new Failure(kind, `connect ${peer} failure: ${error.message}`, { hint, data, cause: error })
      }
    }
    yield { Strings: lines }
  },
  render: renderStrings,
})
