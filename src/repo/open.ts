import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { errorCode, Failure, systemFailure } from '../contract/failure.ts'
import { type OpenOptions, openDiskRepo, type StoredRepo } from './disk-repo.ts'
import { FORMAT_VERSION, type Layout, layoutOf } from './layout.ts'

export type { OpenOptions, StoredRepo } from './disk-repo.ts'

/** Opens the repo at `path`. Takes no lock that another process waits for; the caller closes it. */
export async function openRepo(path: string, options: OpenOptions): Promise<StoredRepo> {
  const layout = layoutOf(resolve(path))
  const version = readVersion(layout)
  if (version === undefined) {
    if (options.create !== true || options.readOnly === true) throw noRepoFailure(layout)
    await initOrMeet(layout, options)
  } else await checkVersion(layout, version)
  return await openDiskRepo(layout, options)
}

/** Returns where everything lies in the repo at `path`. Throws when there is none, or one that is not for us. */
export async function requireRepo(path: string): Promise<Layout> {
  const layout = layoutOf(resolve(path))
  const version = readVersion(layout)
  if (version === undefined) throw noRepoFailure(layout)
  await checkVersion(layout, version)
  return layout
}

/** Returns true when there is a repo of ours at `path`. */
export async function isRepo(path: string): Promise<boolean> {
  return readVersion(layoutOf(resolve(path)))?.startsWith('tsipfs ') === true
}

async function initOrMeet(layout: Layout, { globals, signal }: OpenOptions): Promise<void> {
  const { initRepo } = await import('./init.ts')
  try {
    await initRepo(layout.root, { globals, signal })
  } catch (error) {
    // Of many that make it at once one wins; the others go on with what it made.
    const made = readVersion(layout)
    if (made === undefined) throw error
    await checkVersion(layout, made)
  }
}

function readVersion(layout: Layout): string | undefined {
  try {
    return readFileSync(layout.version, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined
    throw systemFailure(error, layout.version)
  }
}

async function checkVersion(layout: Layout, text: string): Promise<void> {
  const number = Number(/^tsipfs (\d{1,9})\s*$/.exec(text)?.[1])
  if (number === FORMAT_VERSION) return
  if (number > FORMAT_VERSION) {
    throw new Failure('failed', `the repo at ${layout.root} has format ${number}, newer than ${FORMAT_VERSION}`, {
      hint: 'use a newer tsipfs',
    })
  }
  if (/^\d+\s*$/.test(text)) {
    throw new Failure('failed', `the repo at ${layout.root} is one of Kubo's`, {
      hint: `choose another with --repo-dir, and copy what this one holds with: tsipfs repo import-kubo ${layout.root}`,
    })
  }
  throw new Failure('failed', `${layout.version}: not the version of a repo`, { hint: 'is this a repo of tsipfs?' })
}

function noRepoFailure(layout: Layout): Failure {
  return new Failure('no-repo', `there is no repo at ${layout.root}`, { hint: 'make one with: tsipfs init' })
}
