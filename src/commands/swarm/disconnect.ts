import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { argumentList } from '../../contract/params.ts'
import { maybe } from '../../contract/shape.ts'
import { renderStrings, type Strings } from '../_strings.ts'

export const swarmDisconnect = defineCommand({
  path: 'swarm disconnect',
  summary: 'Close connections to peers',
  description:
    'With /p2p/ and a peer id alone, all connections to that peer are closed. It is not for good: whoever needs the ' +
    'peer later connects again.',
  examples: [{ line: 'tsipfs swarm disconnect /p2p/12D3KooW…', explains: 'Close all connections to a peer.' }],
  needs: 'daemon',
  refusesOffline: true,
  output: 'value',
  result: { Strings: maybe(['text']) },
  params: {
    address: argumentList('address', 'Addresses of peers to disconnect from', { stdin: true, complete: 'address' }),
  },
  async *run(input, { node, signal }): AsyncIterable<Strings> {
    const { swarm } = await node.network({ signal })
    const { resolveTargets } = await import('../../node/network/targets.ts')
    const lines: string[] = []
    for (const address of await resolveTargets(input.address, { signal })) {
      const peer = address.replace(/^.*\/p2p\//, '')
      try {
        await swarm.disconnect(address, { signal })
        lines.push(`disconnect ${peer} success`)
      } catch (error) {
        if (!(error instanceof Failure)) throw error
        lines.push(`disconnect ${peer} failure: ${error.message}`)
      }
    }
    yield { Strings: lines }
  },
  async render(outputs, view) {
    let failed = 0
    await renderStrings(
      counted(outputs, count => (failed += count)),
      view,
    )
    if (failed > 0) throw new Failure('failed', `${failed} of ${view.input.address.length} could not be disconnected`)
  },
})

async function* counted(outputs: AsyncIterable<Strings>, report: (failed: number) => void): AsyncIterable<Strings> {
  for await (const output of outputs) {
    report((output.Strings ?? []).filter(line => line.includes(' failure: ')).length)
    yield output
  }
}
