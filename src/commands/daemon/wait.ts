import { type Context, defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'

const POLL_MS = 50

export const daemonWait = defineCommand({
  path: 'daemon wait',
  summary: 'Wait until the daemon of this repo answers',
  description:
    'Waits for a daemon that somebody else starts, with --api for the node there; use --timeout to wait for a limited time.',
  examples: [{ line: 'tsipfs daemon & tsipfs daemon wait --timeout=30s', explains: 'Go on when the daemon is ready.' }],
  needs: 'nothing',
  localOnly: true,
  output: 'nothing',
  params: {},
  async *run(_, context) {
    const { setTimeout: later } = await import('node:timers/promises')
    while (!(await answers(context))) await later(POLL_MS, undefined, { signal: context.signal })
  },
})

async function answers({ repoPath, api, globals, signal }: Context): Promise<boolean> {
  if (api === undefined) {
    const { daemonAddress } = await import('../../rpc/daemon-address.ts')
    return (await daemonAddress(repoPath)) !== undefined
  }
  const [{ remoteExecutor }, { id }] = await Promise.all([import('../../rpc/client.ts'), import('../id.ts')])
  const input = { peerid: undefined, format: undefined, peeridBase: 'b58mh' }
  try {
    const call = { input, source: (async function* () {})(), globals, signal }
    for await (const _ of remoteExecutor(api).execute(id, call)) break
    return true
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof Failure && (error.kind === 'network' || error.kind === 'timeout')) return false
    throw error
  }
}
