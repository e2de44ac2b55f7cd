import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { int } from '../../contract/params.ts'

export const versionCheck = defineCommand({
  path: 'version check',
  summary: 'Compare the version of tsipfs with those of connected peers',
  description:
    'Looks at the peers that the daemon is connected to and that run tsipfs too. UpdateAvailable is true when at least ' +
    '--min-percent of them run a later version.',
  examples: [{ line: 'tsipfs version check', explains: 'See whether others run a later version.' }],
  needs: 'daemon',
  output: 'value',
  result: {
    UpdateAvailable: 'flag',
    RunningVersion: 'text',
    GreatestVersion: 'text',
    PeersSampled: 'int',
    WithGreaterVersion: 'int',
  },
  params: {
    minPercent: int('Percentage (1-100) of peers with a later version that makes an update available', {
      short: 't',
      initial: 5,
    }),
  },
  check({ minPercent }) {
    if (minPercent < 0 || minPercent > 100) {
      throw new Failure('usage', `invalid value for --min-percent: ${minPercent} is not between 1 and 100`)
    }
  },
  async *run({ minPercent }, { node, signal }) {
    const { compareVersions } = await import('../../node/version-check.ts')
    const { swarm } = await node.network({ signal })
    const peers = new Set(swarm.connections().map(({ peer }) => peer))
    const agents: string[] = []
    for (const peer of peers) {
      const agent = (await swarm.identified(peer))?.agentVersion
      if (agent !== undefined) agents.push(agent)
    }
    yield compareVersions(agents, minPercent === 0 ? 5 : minPercent)
  },
})
