import { DatabaseSync } from 'node:sqlite'
import { Failure } from '../contract/failure.ts'
import { pause } from './pause.ts'
import type { Waiting } from './roles.ts'
import { isBusy, sqliteFailure } from './sqlite.ts'

/**
 * Holds every lock that is taken in this process: the kernel drops a lock without a word when the handle that holds it
 * is garbage collected.
 */
const held = new Set<DatabaseSync>()

/**
 * A lock of the kernel on an empty SQLite database: gone with the process, whatever ended it, and right across
 * containers, where process numbers mean nothing. The file must never be opened by `fs`: closing it would drop the lock.
 */
export class KernelLock implements Disposable {
  readonly #database: DatabaseSync

  private constructor(database: DatabaseSync) {
    this.#database = database
    held.add(database)
  }

  /** Takes the lock alone; returns undefined when another holds it. */
  static tryExclusive(file: string): KernelLock | undefined {
    return KernelLock.#try(file, 'BEGIN EXCLUSIVE')
  }

  /** Takes the lock together with others; returns undefined when one holds it alone. */
  static tryShared(file: string): KernelLock | undefined {
    return KernelLock.#try(file, 'BEGIN; SELECT count(*) FROM sqlite_schema')
  }

  static #try(file: string, sql: string): KernelLock | undefined {
    let database: DatabaseSync | undefined
    try {
      database = new DatabaseSync(file)
      // Nothing is ever written to it: SQLite needs no journal, which would be a file to make and remove.
      database.exec(`PRAGMA journal_mode = MEMORY; ${sql}`)
      return new KernelLock(database)
    } catch (error) {
      database?.close()
      if (isBusy(error)) return undefined
      throw sqliteFailure(error, file)
    }
  }

  /** Takes the lock as soon as it can be had. Throws `locked` after `timeoutMs`. */
  static async wait(
    file: string,
    mode: 'exclusive' | 'shared',
    options: Waiting & { timeoutMs: number; busy?: string },
  ): Promise<KernelLock> {
    const end = performance.now() + options.timeoutMs
    for (let round = 0; ; round++) {
      options.signal?.throwIfAborted()
      const lock = mode === 'exclusive' ? KernelLock.tryExclusive(file) : KernelLock.tryShared(file)
      if (lock !== undefined) return lock
      if (performance.now() >= end) throw lockedFailure(options.busy ?? 'the repo is locked by another process')
      await pause(round, options.signal)
    }
  }

  /** Gives the lock back. */
  [Symbol.dispose](): void {
    if (held.delete(this.#database)) this.#database.close()
  }
}

/** Returns the failure of a lock that could not be had in time. */
export function lockedFailure(message: string): Failure {
  return new Failure('locked', message, { hint: 'try again when the other command has ended, or raise --lock-timeout' })
}
