import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Io } from '../contract/io.ts'

/** Where the repo is, and how we know. */
export interface RepoPlace {
  readonly path: string
  /** True when an option or a variable named it: then a repo is expected there. */
  readonly named: boolean
}

/** The value of --repo-dir that asks for a repo that ends with the command. */
export const TEMPORARY_REPO = ':temp:'

/** Returns the repo's place: `--repo-dir`, `TSIPFS_PATH`, `IPFS_PATH`, else `~/.tsipfs`. */
export function repoPlace(option: string | undefined, io: Io): RepoPlace {
  const named = option ?? nonEmpty(io.env.TSIPFS_PATH) ?? nonEmpty(io.env.IPFS_PATH)
  if (named === TEMPORARY_REPO) return { path: TEMPORARY_REPO, named: true }
  if (named !== undefined) return { path: resolve(io.cwd, expandHome(named, io)), named: true }
  return { path: join(nonEmpty(io.env.HOME) ?? homedir(), '.tsipfs'), named: false }
}

/** Returns a fresh folder for a repo that ends with the command, and what removes it. */
export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const [{ mkdtemp, rm }, { tmpdir }] = await Promise.all([import('node:fs/promises'), import('node:os')])
  const path = await mkdtemp(join(tmpdir(), 'tsipfs-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

function expandHome(path: string, io: Io): string {
  if (path !== '~' && !path.startsWith('~/')) return path
  return join(nonEmpty(io.env.HOME) ?? homedir(), path.slice(1))
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}
