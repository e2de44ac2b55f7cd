import { Failure } from '../contract/failure.ts'

const BUSY = 5
const LOCKED = 6
const READONLY = 8
const IOERR = 10
const CORRUPT = 11
const FULL = 13
const CANTOPEN = 14
const NOTADB = 26

/** Returns SQLite's primary result code of what was thrown, or 0 when SQLite did not throw it. */
export function sqliteCode(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return 0
  return typeof error.errcode === 'number' ? error.errcode & 0xff : 0
}

/** Returns true when another process stands in the way for the moment. */
export function isBusy(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === BUSY || code === LOCKED
}

/** Returns true when the database itself is damaged, or is none. */
export function isDamaged(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === CORRUPT || code === NOTADB
}

const KNOWN: Readonly<Record<number, { text: string; hint: string }>> = {
  [READONLY]: { text: 'read-only file system', hint: 'make the repo writable' },
  [IOERR]: { text: 'input/output error', hint: 'check the disk' },
  [CORRUPT]: { text: 'the database is damaged', hint: 'rebuild it with: tsipfs repo repair' },
  [FULL]: { text: 'no space left on device', hint: 'free some space, then run the command again' },
  [CANTOPEN]: { text: 'cannot be opened', hint: 'check that it exists and may be read' },
  [NOTADB]: { text: 'the database is damaged', hint: 'rebuild it with: tsipfs repo repair' },
}

/** Returns the Failure for what SQLite refused, or the error itself when it is not of that kind. */
export function sqliteFailure(error: unknown, file: string): unknown {
  const known = KNOWN[sqliteCode(error)]
  if (known === undefined) return error
  return new Failure('failed', `${file}: ${known.text}`, { hint: known.hint, cause: error })
}
