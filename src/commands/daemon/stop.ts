import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { shutdown } from '../shutdown.ts'

export const daemonStop = defineCommand({
  path: 'daemon stop',
  summary: 'End the daemon of this repo, and wait until it is gone',
  examples: [{ line: 'tsipfs daemon stop', explains: 'When it returns, another daemon can start.' }],
  needs: 'nothing',
  localOnly: true,
  output: 'nothing',
  params: {},
  async *run(_, { repoPath, globals, signal, source }) {
    const [{ daemonAddress }, { remoteExecutor }, { layoutOf }, { KernelLock }, { isRepo }] = await Promise.all([
      import('../../rpc/daemon-address.ts'),
      import('../../rpc/client.ts'),
      import('../../repo/layout.ts'),
      import('../../repo/locks.ts'),
      import('../../repo/open.ts'),
    ])
    const address = await daemonAddress(repoPath)
    if (address === undefined || !(await isRepo(repoPath))) {
      throw new Failure('needs-daemon', `no daemon is running on the repo at ${repoPath}`)
    }
    try {
      await Array.fromAsync(
        remoteExecutor({ address }).execute(shutdown, { input: {}, globals: { ...globals, set: [] }, signal, source }),
      )
    } catch (error) {
      // Somebody else has told it before.
      if (signal.aborted || !(error instanceof Failure) || error.kind !== 'interrupted') throw error
    }
    const lock = await KernelLock.wait(layoutOf(repoPath).daemonLock, 'exclusive', {
      timeoutMs: globals.lockTimeoutMs,
      signal,
      busy: 'the daemon did not end in time',
    })
    lock[Symbol.dispose]()
  },
})
