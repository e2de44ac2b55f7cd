import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { systemFailure } from '../contract/failure.ts'
import { syncFolder } from './durable.ts'
import type { Layout } from './layout.ts'
import { createHash } from './platform-hash.ts'
import type { State } from './state.ts'

/** A pin that was set, as the journal holds it. */
export interface PinRecord {
  readonly pin: string
  readonly mode: string
  readonly name?: string
  readonly expires?: number
  readonly labels?: string
}

/** One change of pins or values, as the journal holds it. */
export type RootRecord =
  | PinRecord
  | { readonly unpin: string }
  | { readonly set: string; readonly value: string }
  | { readonly unset: string }

const CHECK_DIGITS = 8
const COMPACT_BYTES_MIN = 1024 * 1024
const COMPACT_FACTOR = 4
const NEWLINE = 0x0a

/** Returns the line of a record: the beginning of the SHA-256 of its JSON, a space, the JSON. */
export function lineOf(record: RootRecord): string {
  const json = JSON.stringify(record)
  return `${checkOf(json)} ${json}\n`
}

/** Returns the record of a line; undefined for a line that was torn or damaged. */
export function recordOf(line: string): RootRecord | undefined {
  const json = line.slice(CHECK_DIGITS + 1)
  if (line[CHECK_DIGITS] !== ' ' || checkOf(json) !== line.slice(0, CHECK_DIGITS)) return undefined
  return JSON.parse(json) as RootRecord
}

function checkOf(json: string): string {
  return createHash('sha256').update(json).digest('hex').slice(0, CHECK_DIGITS)
}

/** What pins and values ask of the journal. */
export type Journal = Pick<RootsLog, 'append' | 'settled'>

/**
 * The journal of what cannot be found again in packs: pins, names, the MFS root. From it and the packs a lost state
 * database is rebuilt. Lines are appended inside the transaction that changes the rows, so both have one order.
 */
export class RootsLog implements Disposable {
  readonly #layout: Layout
  readonly #state: State
  readonly #durable: boolean
  readonly #alone: boolean
  #fd: number | undefined
  #synced: Promise<void> = Promise.resolve()
  #due: { readonly fd: number; readonly isNew: boolean } | undefined

  /** `alone`: nothing else goes on in this process while it waits for the disk. */
  constructor(layout: Layout, state: State, durable: boolean, alone = false) {
    this.#layout = layout
    this.#state = state
    this.#durable = durable
    this.#alone = alone
  }

  /** Appends records. To be called inside `State.write`; they are durable when `settled` resolves. */
  append(records: readonly RootRecord[]): void {
    if (records.length === 0) return
    try {
      const { fd, size, isNew } = this.#open()
      const lines = records.map(lineOf).join('')
      const text = Buffer.from(size > 0 && !endsLine(fd, size) ? `\n${lines}` : lines)
      this.#state.onRollback(() => ftruncateSync(fd, size))
      for (let done = 0; done < text.length; ) done += writeSync(fd, text, done)
      if (!this.#durable) return
      if (this.#alone) {
        this.#due = { fd, isNew: isNew || this.#due?.isNew === true }
        return
      }
      // It goes on beside the commit, which flushes too.
      this.#synced = this.#sync(fd, isNew)
      this.#synced.catch(() => undefined)
    } catch (error) {
      throw systemFailure(error, this.#layout.rootsLog)
    }
  }

  /** Resolves when what was appended is on disk. */
  async settled(): Promise<void> {
    const due = this.#due
    this.#due = undefined
    // Whoever asks meanwhile waits for it too.
    if (due !== undefined) this.#synced = this.#syncNow(due.fd, due.isNew)
    await this.#synced
  }

  /**
   * Writes the journal anew from the rows when it has grown to many times what it says. Others who write wait
   * meanwhile, so that no line is lost between the old file and the new one.
   */
  async compact(records: () => readonly RootRecord[]): Promise<void> {
    if (this.#open().size < COMPACT_BYTES_MIN) return
    await this.#state.write(() => {
      const text = Buffer.from(records().map(lineOf).join(''))
      if (this.#open().size < COMPACT_FACTOR * text.length) return
      try {
        replaceFileNow(this.#layout, text)
      } catch (error) {
        throw systemFailure(error, this.#layout.rootsLog)
      }
    })
  }

  #open(): { fd: number; size: number; isNew: boolean } {
    if (this.#fd !== undefined) {
      const { size, nlink } = fstatSync(this.#fd)
      if (nlink > 0) return { fd: this.#fd, size, isNew: false }
      // It was written anew by a collection.
      closeSync(this.#fd)
    }
    this.#fd = openSync(this.#layout.rootsLog, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT, 0o600)
    const { size } = fstatSync(this.#fd)
    return { fd: this.#fd, size, isNew: size === 0 }
  }

  async #sync(fd: number, isNew: boolean): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      fdatasync(fd, error => (error ? reject(systemFailure(error, this.#layout.rootsLog)) : resolve()))
    })
    if (isNew) await syncFolder(this.#layout.root)
  }

  /** To start the threads that flush takes longer than a small command has to do. */
  async #syncNow(fd: number, isNew: boolean): Promise<void> {
    try {
      fdatasyncSync(fd)
    } catch (error) {
      throw systemFailure(error, this.#layout.rootsLog)
    }
    if (isNew) await syncFolder(this.#layout.root)
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }
}

function endsLine(fd: number, size: number): boolean {
  const last = new Uint8Array(1)
  return readSync(fd, last, 0, 1, size - 1) === 1 && last[0] === NEWLINE
}

function replaceFileNow(layout: Layout, text: Uint8Array): void {
  const fresh = `${layout.rootsLog}.new`
  const fd = openSync(fresh, 'w', 0o600)
  try {
    for (let done = 0; done < text.length; ) done += writeSync(fd, text, done)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(fresh, layout.rootsLog)
  const folder = openSync(layout.root, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
