import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'

export const routingReprovide = defineCommand({
  path: 'routing reprovide',
  summary: 'Announce everything again, now',
  description:
    'Announces all that Provide.Strategy names. As in Kubo that is to be asked for only with ' +
    'Provide.DHT.SweepEnabled=false; else it happens by itself, every Provide.DHT.Interval.',
  examples: [{ line: 'tsipfs routing reprovide', explains: 'Announce everything again.' }],
  needs: 'daemon',
  deprecated: true,
  output: 'nothing',
  params: {},
  async *run(_, { node, signal }) {
    const { providing } = await node.network({ signal })
    const { settings } = await providing.stat()
    if (!settings.isEnabled) {
      throw new Failure('failed', "invalid configuration: Provide.Enabled is set to 'false'")
    }
    if (settings.intervalMs === 0) {
      throw new Failure('failed', "invalid configuration: Provide.DHT.Interval is set to '0'")
    }
    if (settings.isSweeping) {
      throw new Failure(
        'failed',
        'manual reprovide is not available with the sweep provider; set Provide.DHT.SweepEnabled=false to use the legacy provider',
        { hint: "'tsipfs provide stat --all' shows when everything is announced again" },
      )
    }
    await providing.reprovide({ signal })
  },
})
