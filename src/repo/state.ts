import { existsSync, statSync } from 'node:fs'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { Failure } from '../contract/failure.ts'
import { KernelLock, lockedFailure } from './locks.ts'
import { pause } from './pause.ts'
import type { Waiting } from './roles.ts'
import { isBusy, sqliteFailure } from './sqlite.ts'

/** Waits inside SQLite block signals and timers: keep them short, and retry from outside. */
const BUSY_TIMEOUT_MS = 20
const CACHE_KIB = 16 * 1024
const JOURNAL_BYTES_MAX = 16 * 1024 * 1024
/** A log that is at most so long is left to the next who opens the database: reading it takes less than flushing it. */
const LOG_BYTES_LEFT_MAX = 512 * 1024

const SCHEMA = `
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE packs(id INTEGER PRIMARY KEY, committed INTEGER NOT NULL, sealed INTEGER NOT NULL DEFAULT 0);
CREATE INDEX packs_open ON packs(id) WHERE sealed = 0;
CREATE TABLE blocks(hash BLOB PRIMARY KEY, pack INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,
  epoch INTEGER NOT NULL, leaf INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE file_blocks(hash BLOB PRIMARY KEY, path TEXT NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,
  cid BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX file_blocks_path ON file_blocks(path, offset);
CREATE TABLE pins(hash BLOB NOT NULL, mode INTEGER NOT NULL, cid BLOB NOT NULL, name TEXT NOT NULL DEFAULT '',
  expires INTEGER, labels TEXT, generation INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(hash, mode)) WITHOUT ROWID;
CREATE INDEX pins_generation ON pins(generation);
CREATE TABLE pairs(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('format', 1), ('epoch', 1), ('generation', 0);
`

/** Which kind of store holds the blocks. */
export type Engine = 'packs' | 'flatfs'

export interface StateOptions {
  /** The lock that is held shared from the first change on; undefined when the caller holds it alone. */
  readonly writeLock: string | undefined
  /** Changes are refused. */
  readonly readOnly?: boolean | undefined
  /** The file lies on media that cannot be written and has no log beside it: SQLite is to leave nothing there. */
  readonly immutable?: boolean | undefined
  readonly durability: 'full' | 'none'
  readonly lockTimeoutMs: number
  readonly cacheKib?: number | undefined
  /** The process ends when the database is closed. */
  readonly endsProcess?: boolean | undefined
}

/** Connections that the end of the process closes. */
const readers = new Set<DatabaseSync>()

/**
 * Has SQLite leave the log where it is. Who closes a database last writes the log back, and waits for two flushes, though
 * all that was committed is on disk already; one who may only read cannot, so it is made the last.
 */
function keepLog(file: string): void {
  try {
    const reader = new DatabaseSync(file, { readOnly: true })
    readers.add(reader)
    // It tries all the same, and would flush the log first. Reading opens the log, which is held from then on.
    reader.exec('PRAGMA synchronous = OFF; SELECT 1 FROM meta LIMIT 1')
  } catch {
    // Then the log is written back.
  }
}

/** Most repos are opened by their path alone: for them `node:url` is not loaded. */
function fileUrl(file: string): string {
  return process.getBuiltinModule('node:url').pathToFileURL(file).href
}

/** Runs `work` again and again until nobody else stands in its way. Throws `locked` after a time. */
async function untilFree<T>(work: () => T, file: string, options: Waiting & { lockTimeoutMs: number }): Promise<T> {
  let end = 0
  for (let round = 0; ; round++) {
    try {
      return work()
    } catch (error) {
      if (!isBusy(error)) throw error
      const now = performance.now()
      if (end === 0) end = now + options.lockTimeoutMs
      if (now >= end) throw lockedFailure(`${file} is locked by another process`)
    }
    await pause(round, options.signal)
  }
}

/** Creates an empty state database. The file must not exist. */
export function createStateFile(file: string, engine: Engine): void {
  const database = new DatabaseSync(file)
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN EXCLUSIVE')
    database.exec(SCHEMA)
    database.prepare('INSERT INTO meta VALUES (?, ?)').run('engine', engine)
    database.exec('COMMIT')
  } catch (error) {
    throw sqliteFailure(error, file)
  } finally {
    database.close()
  }
}

/**
 * The state database: the only one that touches it, and the owner of its handle. Every piece of work is synchronous,
 * so that no transaction spans an `await`; who finds the database busy tries again without blocking the process.
 */
export class State implements Disposable {
  readonly file: string
  readonly #database: DatabaseSync
  readonly #options: StateOptions
  readonly #statements = new Map<string, StatementSync>()
  readonly #undo: (() => void)[] = []
  #writeLock: KernelLock | undefined
  #closed = false

  private constructor(file: string, database: DatabaseSync, options: StateOptions) {
    this.file = file
    this.#database = database
    this.#options = options
  }

  /** Opens a database that exists. */
  static open(file: string, options: StateOptions): State {
    if (!existsSync(file)) {
      throw new Failure('failed', `${file} is missing`, { hint: 'rebuild it from the packs with: tsipfs repo repair' })
    }
    let database: DatabaseSync | undefined
    try {
      database = options.immutable
        ? new DatabaseSync(`${fileUrl(file)}?immutable=1`, { readOnly: true })
        : new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS })
      database.exec(
        `PRAGMA cache_size = -${options.cacheKib ?? CACHE_KIB}; PRAGMA journal_size_limit = ${JOURNAL_BYTES_MAX};` +
          ` PRAGMA synchronous = ${options.durability === 'none' ? 'OFF' : 'FULL'}`,
      )
      return new State(file, database, options)
    } catch (error) {
      database?.close()
      throw sqliteFailure(error, file)
    }
  }

  /**
   * Opens a database that exists, as soon as it can be had: while the first of many commands that start at once reads what is
   * left of the log, or the last one writes it back, nobody else gets in.
   */
  static async openWhenFree(file: string, options: StateOptions, waiting: Waiting = {}): Promise<State> {
    return await untilFree(() => State.open(file, options), file, { ...waiting, lockTimeoutMs: options.lockTimeoutMs })
  }

  /** Returns an empty database that lives in memory. */
  static inMemory(): State {
    const database = new DatabaseSync(':memory:')
    database.exec(SCHEMA)
    return new State(':memory:', database, { writeLock: undefined, durability: 'none', lockTimeoutMs: 0 })
  }

  /** Returns the prepared statement, which gives rows as arrays. */
  prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#database.prepare(sql)
      statement.setReturnArrays(true)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  /** Returns the first row, or undefined. To be called inside `read` or `write`. */
  row(sql: string, ...values: SQLInputValue[]): readonly unknown[] | undefined {
    return this.prepare(sql).get(...values) as unknown as readonly unknown[] | undefined
  }

  /** Returns all rows: bound them with LIMIT. To be called inside `read` or `write`. */
  rows(sql: string, ...values: SQLInputValue[]): readonly (readonly unknown[])[] {
    return this.prepare(sql).all(...values) as unknown as readonly (readonly unknown[])[]
  }

  /** Changes rows, and returns how many. To be called inside `write`. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.prepare(sql).run(...values).changes)
  }

  /** Returns which kind of store holds the blocks. To be called inside `read` or `write`. */
  engine(): Engine {
    return this.row("SELECT value FROM meta WHERE key = 'engine'")?.[0] === 'flatfs' ? 'flatfs' : 'packs'
  }

  /** Counts one change of pins or roots, which a collection under way has to look at. To be called inside `write`. */
  countRootChange(): void {
    this.run("UPDATE meta SET value = value + 1 WHERE key = 'generation'")
  }

  /** Returns a number from the table of counters. To be called inside `read` or `write`. */
  counter(key: 'format' | 'epoch' | 'generation'): number {
    return Number(this.row('SELECT value FROM meta WHERE key = ?', key)?.[0] ?? 0)
  }

  /** Runs `work`, which reads, again and again until the database is free. */
  async read<T>(work: () => T, options: Waiting = {}): Promise<T> {
    return await this.#untilFree(work, options)
  }

  /** Like `read`, for many look-ups: SQLite locks the database once, and not for each. */
  async readTogether<T>(work: () => T, options: Waiting = {}): Promise<T> {
    return await this.#untilFree(() => this.#lookUp(work), options)
  }

  #lookUp<T>(work: () => T): T {
    this.#database.exec('BEGIN')
    try {
      return work()
    } finally {
      if (this.#database.isTransaction) this.#database.exec('COMMIT')
    }
  }

  /** Runs `work` in a transaction. It is durable when this resolves; when `work` throws nothing has changed. */
  async write<T>(work: () => T, options: Waiting = {}): Promise<T> {
    await this.#mayWrite(options)
    // Begun, done and committed in one go: another piece of work in this process may wait for its turn too.
    return await this.#untilFree(() => this.#transaction(work), options)
  }

  #transaction<T>(work: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.#database.exec('COMMIT')
      this.#commits += 1
      return result
    } catch (error) {
      this.#rollBack()
      throw error
    } finally {
      this.#undo.length = 0
    }
  }

  /** Has `undo` called, while the lock is still held, when the transaction that runs now comes to nothing. */
  onRollback(undo: () => void): void {
    this.#undo.push(undo)
  }

  /** Returns true when another process has committed since the last call. */
  changedElsewhere(): boolean {
    const version = Number(this.row('PRAGMA data_version')?.[0])
    const changed = this.#dataVersion !== undefined && this.#dataVersion !== version
    this.#dataVersion = version
    return changed
  }
  #dataVersion: number | undefined
  #commits = 0

  /** Returns a text that is another one when something was committed since, here or by another process. */
  changes(): string {
    return `${Number(this.row('PRAGMA data_version')?.[0])} ${this.#commits}`
  }

  /** Writes the database, as it is at one moment, to a file that does not exist yet. */
  async copyTo(target: string): Promise<void> {
    await this.read(() => this.prepare('VACUUM INTO ?').run(target))
  }

  /** Runs SQLite's own check; returns what it complains of. */
  async check(): Promise<string[]> {
    const rows = await this.read(() => this.rows('PRAGMA quick_check(20)'))
    return rows.map(row => String(row[0])).filter(text => text !== 'ok')
  }

  /** Writes the log back into the database and cuts it. */
  async checkpoint(): Promise<void> {
    await this.read(() => this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)'))
  }

  async #mayWrite(options: Waiting): Promise<void> {
    const { writeLock: file, readOnly } = this.#options
    if (readOnly === true) {
      throw new Failure('failed', `${this.file}: read-only file system`, {
        hint: 'copy the repo to a disk that can be written',
      })
    }
    if (file === undefined || this.#writeLock !== undefined) return
    const lock = await KernelLock.wait(file, 'shared', {
      ...options,
      timeoutMs: this.#options.lockTimeoutMs,
      busy: 'the repo is locked: it is being repaired or migrated',
    })
    // Two callers may have waited side by side.
    if (this.#writeLock === undefined && !this.#closed) this.#writeLock = lock
    else lock[Symbol.dispose]()
  }

  #untilFree<T>(work: () => T, options: Waiting): Promise<T> {
    const explained = (): T => {
      try {
        return work()
      } catch (error) {
        throw isBusy(error) ? error : this.#failure(error)
      }
    }
    return untilFree(explained, this.file, { ...options, lockTimeoutMs: this.#options.lockTimeoutMs })
  }

  #isLogShort(): boolean {
    const log = statSync(`${this.file}-wal`, { throwIfNoEntry: false })
    return log !== undefined && log.size > 0 && log.size <= LOG_BYTES_LEFT_MAX
  }

  #rollBack(): void {
    try {
      // A full disk makes SQLite roll back by itself: then the lock is gone, and with it the right to undo.
      if (this.#database.isTransaction) for (const undo of this.#undo) undo()
      this.#database.exec('ROLLBACK')
    } catch {
      // It was rolled back already.
    }
  }

  #failure(error: unknown): unknown {
    if (this.#closed) return new Failure('failed', 'the repo is closed', { cause: error })
    return sqliteFailure(error, this.file)
  }

  [Symbol.dispose](): void {
    if (this.#closed) return
    this.#closed = true
    this.#statements.clear()
    if (this.#options.endsProcess === true && this.#isLogShort()) keepLog(this.file)
    this.#database.close()
    this.#writeLock?.[Symbol.dispose]()
    this.#writeLock = undefined
  }
}
