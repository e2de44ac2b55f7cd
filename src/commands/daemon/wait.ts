import { defineCommand } from '../../contract/command.ts'

const POLL_MS = 50

export const daemonWait = defineCommand({
  path: 'daemon wait',
  summary: 'Wait until the daemon of this repo answers',
  description: 'Waits for a daemon that somebody else starts; use --timeout to wait for a limited time.',
  examples: [{ line: 'tsipfs daemon & tsipfs daemon wait --timeout=30s', explains: 'Go on when the daemon is ready.' }],
  needs: 'nothing',
  localOnly: true,
  output: 'nothing',
  params: {},
  async *run(_, { repoPath, signal }) {
    const [{ daemonAddress }, { setTimeout: later }] = await Promise.all([
      import('../../rpc/daemon-address.ts'),
      import('node:timers/promises'),
    ])
    while ((await daemonAddress(repoPath)) === undefined) await later(POLL_MS, undefined, { signal })
  },
})
