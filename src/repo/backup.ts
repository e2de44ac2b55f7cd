import { constants } from 'node:fs'
import { copyFile, link, mkdir, open, readdir } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { errorCode, Failure, systemFailure } from '../contract/failure.ts'
import { syncFolder } from './durable.ts'
import { type Layout, layoutOf, packFile } from './layout.ts'
import { KernelLock } from './locks.ts'
import type { Waiting } from './roles.ts'
import { State } from './state.ts'

export interface BackupReport {
  /** Absolute path of the copy. */
  readonly path: string
  readonly packs: number
  /** Packs that could not be linked, because the target lies on another file system. */
  readonly copied: number
  readonly bytes: number
}

/**
 * Copies a repo into a folder that is empty or not there: its database as it is at one moment, and the packs that it
 * names, by hard link where that is possible. Others go on working, but for collections.
 */
export async function backupRepo(
  path: string,
  folder: string,
  options: Waiting & { lockTimeoutMs: number },
): Promise<BackupReport> {
  const layout = layoutOf(path)
  const target = resolve(folder)
  using _lock = await KernelLock.wait(layout.collectionLock, 'exclusive', {
    ...{ timeoutMs: options.lockTimeoutMs, signal: options.signal },
    busy: 'a garbage collection or another backup is at work on the repo',
  })
  const copy = layoutOf(target)
  await makeEmpty(target)
  for (const folder of [copy.packs, copy.locks, copy.keystore]) await mkdir(folder, { mode: 0o700 })
  // The database before the packs: they only grow while nothing collects, so all that it names is in them.
  {
    const stateOptions = { ...options, writeLock: layout.repoLock, durability: 'full' } as const
    using state = await State.openWhenFree(layout.state, stateOptions, { signal: options.signal })
    await state.copyTo(copy.state)
  }
  const packs = await sealPacks(copy)
  let copied = 0
  let bytes = 0
  for (const { id, committed } of packs) {
    options.signal?.throwIfAborted()
    if (!(await linkOrCopy(packFile(layout, id), packFile(copy, id)))) copied++
    bytes += committed
  }
  await copyFiles(layout.keystore, copy.keystore)
  if (await exists(layout.flatfs)) await copyTree(layout.flatfs, copy.flatfs, options.signal)
  for (const [from, to] of [
    [layout.config, copy.config],
    [layout.rootsLog, copy.rootsLog],
  ] as const) {
    await copyDurably(from, to)
  }
  for (const folder of [copy.packs, copy.keystore, copy.root]) await syncFolder(folder)
  // With its version it becomes a repo.
  await copyDurably(layout.version, copy.version)
  await syncFolder(copy.root)
  return { path: target, packs: packs.length, copied, bytes }
}

async function makeEmpty(target: string): Promise<void> {
  try {
    await mkdir(target, { recursive: true, mode: 0o700 })
    if ((await readdir(target)).length === 0) return
  } catch (error) {
    throw systemFailure(error, target)
  }
  throw new Failure('failed', `${target}: not empty`, { hint: 'name a folder that is empty, or not there yet' })
}

/** Marks every pack of the copy as full: two repos share its bytes, and neither may append to them for the other. */
async function sealPacks(copy: Layout): Promise<{ id: number; committed: number }[]> {
  using state = State.open(copy.state, { writeLock: undefined, durability: 'full', lockTimeoutMs: 0 })
  return await state.write(() => {
    state.run('UPDATE packs SET sealed = 1')
    return state
      .rows('SELECT id, committed FROM packs')
      .map(([id, committed]) => ({ id: Number(id), committed: Number(committed) }))
  })
}

async function linkOrCopy(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    const code = errorCode(error)
    if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'EMLINK' && code !== 'ENOTSUP') throw systemFailure(error, to)
  }
  await copyDurably(from, to)
  return false
}

async function copyDurably(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
    await using file = await open(to, 'r+')
    await file.sync()
  } catch (error) {
    throw systemFailure(error, from)
  }
}

async function copyFiles(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (entry.isFile() && !basename(entry.name).startsWith('.tmp-'))
      await copyDurably(join(from, entry.name), join(to, entry.name))
  }
}

async function copyTree(from: string, to: string, signal: AbortSignal | undefined): Promise<void> {
  const folders: [string, string][] = [[from, to]]
  for (let pair = folders.pop(); pair !== undefined; pair = folders.pop()) {
    const [source, target] = pair
    await mkdir(target, { recursive: true, mode: 0o700 })
    for (const entry of await readdir(source, { withFileTypes: true })) {
      signal?.throwIfAborted()
      const paths: [string, string] = [join(source, entry.name), join(target, entry.name)]
      if (entry.isDirectory()) folders.push(paths)
      else if (entry.isFile() && !entry.name.startsWith('.')) await linkOrCopy(...paths)
    }
    await syncFolder(target)
  }
}

async function exists(path: string): Promise<boolean> {
  return await readdir(path).then(
    () => true,
    () => false,
  )
}
