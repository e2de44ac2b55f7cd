import type { Flushing } from './blocks.ts'
import { equalBytes } from './check.ts'
import type { Values } from './roles.ts'
import type { Journal, RootRecord } from './roots-log.ts'
import type { State } from './state.ts'

const LIST_ROWS = 500
/** What begins so can be found anew, and changes often: it is not journalled. */
const UNJOURNALLED = ['/local/provide/', '/local/reprovide/', '/dht/', '/cache/']
const LAST_CHARACTER = '\u{10ffff}'

type Change = readonly [key: string, value: Uint8Array | undefined]

/** Small values in the state database; those that cannot be found anew are journalled in `roots.log`. */
export class StoredValues implements Values {
  readonly #state: State
  readonly #log: Journal
  readonly #blocks: Flushing

  constructor(state: State, log: Journal, blocks: Flushing) {
    this.#state = state
    this.#log = log
    this.#blocks = blocks
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return await this.#state.read(() => this.#find(key))
  }

  async put(key: string, value: Uint8Array): Promise<void> {
    await this.#change([[key, value]])
  }

  async delete(key: string): Promise<void> {
    await this.#change([[key, undefined]])
  }

  async batch(changes: ReadonlyMap<string, Uint8Array | undefined>): Promise<void> {
    await this.#change([...changes])
  }

  async compareAndSwap(key: string, expected: Uint8Array | undefined, value: Uint8Array): Promise<boolean> {
    return await this.#change([[key, value]], () => {
      const present = this.#find(key)
      if (present === undefined || expected === undefined) return present === expected
      return equalBytes(present, expected)
    })
  }

  async *list(prefix: string): AsyncIterable<{ key: string; value: Uint8Array }> {
    let after = ''
    for (;;) {
      const rows = await this.#state.read(() =>
        this.#state.rows(
          `SELECT key, value FROM pairs WHERE key >= ? AND key < ? AND key > ? ORDER BY key LIMIT ${LIST_ROWS}`,
          prefix,
          prefix + LAST_CHARACTER,
          after,
        ),
      )
      for (const row of rows) {
        after = row[0] as string
        yield { key: after, value: row[1] as Uint8Array }
      }
      if (rows.length < LIST_ROWS) return
    }
  }

  #find(key: string): Uint8Array | undefined {
    return this.#state.row('SELECT value FROM pairs WHERE key = ?', key)?.[0] as Uint8Array | undefined
  }

  async #change(changes: readonly Change[], condition: () => boolean = () => true): Promise<boolean> {
    let done = false
    const change = (): void => {
      done = condition()
      if (!done) return
      const journalled = changes.filter(([key]) => isJournalled(key))
      this.#log.append(journalled.map(toRecord))
      for (const [key, value] of changes) putValue(this.#state, key, value)
      if (journalled.length > 0) this.#state.countRootChange()
    }
    // A root may name blocks that are still under way.
    if (changes.some(([key]) => isJournalled(key))) await this.#blocks.flushWith(change)
    else await this.#state.write(change)
    await this.#log.settled()
    return done
  }
}

/** Writes or, when the value is undefined, removes a pair. To be called inside `State.write`. */
export function putValue(state: State, key: string, value: Uint8Array | undefined): void {
  if (value === undefined) state.run('DELETE FROM pairs WHERE key = ?', key)
  else state.run('INSERT OR REPLACE INTO pairs(key, value) VALUES (?, ?)', key, value)
}

/** Returns the records that make all journalled values anew. To be called inside `State.write`. */
export function valueRecords(state: State): RootRecord[] {
  return state
    .rows('SELECT key, value FROM pairs')
    .map(row => [row[0] as string, row[1] as Uint8Array] as const)
    .filter(([key]) => isJournalled(key))
    .map(toRecord)
}

function isJournalled(key: string): boolean {
  return !UNJOURNALLED.some(prefix => key.startsWith(prefix))
}

function toRecord([key, value]: Change): RootRecord {
  return value === undefined ? { unset: key } : { set: key, value: Buffer.from(value).toString('base64') }
}
