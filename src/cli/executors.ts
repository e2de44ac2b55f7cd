import type { Command, Executor } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import type { Globals } from '../contract/globals.ts'
import type { Io } from '../contract/io.ts'
import type { GlobalValues } from './global-options.ts'
import { localExecutor } from './local-executor.ts'
import { repoPlace } from './repo-path.ts'

/**
 * Returns the executor for a command: another node with `--api`, unless the command needs none; the daemon for what speaks about the daemon, or
 * lives on the network while one runs; else this process.
 */
export async function chooseExecutor(
  command: Command,
  values: GlobalValues,
  globals: Globals,
  io: Io,
): Promise<Executor> {
  const api = textOf(values.api)
  const auth = textOf(values.apiAuth)
  if (api !== undefined && command.localOnly !== true && command.needs !== 'nothing') {
    const { remoteExecutor } = await import('../rpc/client.ts')
    return remoteExecutor({ address: api, auth })
  }
  const place = repoPlace(textOf(values.repoDir) ?? textOf(values.config), io)
  if (command.needs === 'daemon' || (command.needs === 'network' && !globals.offline)) {
    const [{ findDaemon }, { remoteExecutor }] = await Promise.all([
      import('../rpc/daemon-address.ts'),
      import('../rpc/client.ts'),
    ])
    const daemon = await findDaemon(place.path)
    if (daemon !== undefined) return remoteExecutor({ ...daemon, auth })
    if (command.needs === 'daemon') {
      throw new Failure('needs-daemon', `"${command.path}" speaks about a running daemon, and this repo has none`, {
        hint: 'start one with: tsipfs daemon',
      })
    }
  }
  return localExecutor(place, io, api === undefined ? undefined : { address: api, auth })
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
