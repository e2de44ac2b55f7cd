import { randomBytes } from 'node:crypto'
import { link, mkdir, open, unlink } from 'node:fs/promises'
import { errorCode, systemFailure } from '../contract/failure.ts'
import { syncFolder } from './durable.ts'
import type { Layout } from './layout.ts'
import { createStateFile, type Engine } from './state.ts'

/**
 * Makes what the store needs in the folder of a repo: folders, an empty state database, an empty journal. What is there
 * already stays. The caller writes the `version` file afterwards: with it the repo is one.
 */
export async function createStore(layout: Layout, engine: Engine): Promise<void> {
  try {
    for (const folder of [layout.locks, layout.packs]) await mkdir(folder, { recursive: true, mode: 0o700 })
    if (engine === 'flatfs') await mkdir(layout.flatfs, { recursive: true, mode: 0o700 })
    await using journal = await open(layout.rootsLog, 'a', 0o600)
    await journal.sync()
  } catch (error) {
    throw systemFailure(error, layout.root)
  }
  await createStateAt(layout.state, engine)
  await syncFolder(layout.root)
}

/** Makes an empty state database that appears whole, or not at all; returns false when there is one. */
export async function createStateAt(file: string, engine: Engine): Promise<boolean> {
  const fresh = `${file}.new-${randomBytes(6).toString('hex')}`
  createStateFile(fresh, engine)
  try {
    await link(fresh, file)
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw systemFailure(error, file)
  } finally {
    await unlink(fresh)
  }
}
