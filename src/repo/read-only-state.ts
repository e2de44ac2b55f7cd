import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { errorCode, systemFailure } from '../contract/failure.ts'
import { type Layout, layoutOf } from './layout.ts'
import { State, type StateOptions } from './state.ts'

/** A state database of media that cannot be written, and what removes the copy that was made of it. */
export interface ReadOnlyState {
  readonly state: State
  readonly remove?: () => Promise<void>
}

/**
 * Opens the state database of a repo on media that cannot be written. SQLite can there neither replay the log of a
 * killed run nor make the files that it shares with others: a database with a log is copied, one without is read as it
 * lies there.
 */
export async function openReadOnlyState(layout: Layout, options: StateOptions): Promise<ReadOnlyState> {
  const { log } = layout.stateCompanions
  if ((await sizeOf(log)) === 0) return { state: State.open(layout.state, { ...options, immutable: true }) }
  const folder = await mkdtemp(join(tmpdir(), 'tsipfs-state-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    const copy = layoutOf(folder)
    await copyFile(layout.state, copy.state)
    await copyFile(log, copy.stateCompanions.log)
    return { state: State.open(copy.state, options), remove }
  } catch (error) {
    await remove()
    throw systemFailure(error, layout.state)
  }
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 0
    throw systemFailure(error, file)
  }
}
