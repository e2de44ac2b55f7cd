import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Io } from '../contract/io.ts'

/** Where the repo is, and how we know. */
export interface RepoPlace {
  readonly path: string
  /** As it was named. */
  readonly shown: string
  /** True when an option or a variable named it: then a repo is expected there. */
  readonly named: boolean
}

/** The value of --repo-dir that asks for a repo that ends with the command. */
export const TEMPORARY_REPO = ':temp:'

/** Returns the repo's place: `--repo-dir`, `TSIPFS_PATH`, `IPFS_PATH`, else `~/.tsipfs`. */
export function repoPlace(option: string | undefined, io: Io): RepoPlace {
  const named = option ?? nonEmpty(io.env.TSIPFS_PATH) ?? nonEmpty(io.env.IPFS_PATH)
  if (named === TEMPORARY_REPO) return { path: TEMPORARY_REPO, shown: TEMPORARY_REPO, named: true }
  if (named !== undefined) {
    const shown = expandHome(named, io)
    return { path: resolve(io.cwd, shown), shown, named: true }
  }
  const path = join(nonEmpty(io.env.HOME) ?? homedir(), '.tsipfs')
  return { path, shown: path, named: false }
}

/**
 * Returns a fresh folder for a repo that ends with the command, and what removes it. Those that runs which were killed
 * have left are removed first.
 */
export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const [{ mkdtemp, readdir, rm }, { tmpdir }, { isGone, OWNER_PATTERN, ownOwner }] = await Promise.all([
    import('node:fs/promises'),
    import('node:os'),
    import('../repo/owner.ts'),
  ])
  const folder = tmpdir()
  const remove = (path: string): Promise<void> => rm(path, { recursive: true, force: true })
  const named = new RegExp(`^tsipfs-(${OWNER_PATTERN})-\\w{6}$`)
  for (const name of await readdir(folder).catch(() => [])) {
    const [, owner] = named.exec(name) ?? []
    // What cannot be removed is another user's.
    if (owner !== undefined && owner !== ownOwner() && isGone(owner))
      await remove(join(folder, name)).catch(() => undefined)
  }
  const path = await mkdtemp(join(folder, `tsipfs-${ownOwner()}-`))
  return { path, remove: () => remove(path) }
}

function expandHome(path: string, io: Io): string {
  if (path !== '~' && !path.startsWith('~/')) return path
  return join(nonEmpty(io.env.HOME) ?? homedir(), path.slice(1))
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}
