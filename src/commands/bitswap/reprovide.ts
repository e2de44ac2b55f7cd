import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'

export const bitswapReprovide = defineCommand({
  path: 'bitswap reprovide',
  summary: 'Announce again what this node has',
  description: 'Tells the routing system once more of everything that Provide.Strategy names.',
  examples: [{ line: 'tsipfs bitswap reprovide', explains: 'Announce now, not when it is due.' }],
  needs: 'daemon',
  output: 'nothing',
  deprecated: true,
  params: {},
  async *run(_input, { node, signal }): AsyncIterable<never> {
    const [{ flagAt, durationAt }, config] = await Promise.all([
      import('../../node/network/settings.ts'),
      node.repo.config.read(),
    ])
    if (!flagAt(config, 'Provide.Enabled', true)) {
      throw new Failure('failed', "invalid configuration: Provide.Enabled is set to 'false'")
    }
    if (durationAt(config, 'Provide.DHT.Interval', 1) === 0) {
      throw new Failure('failed', "invalid configuration: Provide.DHT.Interval is set to '0'")
    }
    await (await node.network({ signal })).providing.reprovide({ signal })
  },
})
