import { CID } from 'multiformats/cid'
import type { Flushing } from './blocks.ts'
import type { Pin, PinMode, Pins } from './roles.ts'
import type { Journal, PinRecord, RootRecord } from './roots-log.ts'
import type { State } from './state.ts'
import { putValue } from './values.ts'

const RECURSIVE = 1
const DIRECT = 2
const LIST_ROWS = 1000
/**
 * The column `hash` holds the CID: two CIDs of one block are two pins, since under another codec nothing may be below it.
 * Rows of old repos have the multihash there, as a CIDv0 is one.
 */
const COLUMNS = 'hash, mode, cid, name, expires, labels'
/** The number of the change that put the pin, for collections that began before it. */
const GENERATION = "(SELECT value FROM meta WHERE key = 'generation')"

/** Pins in the state database, journalled in `roots.log`. */
export class StoredPins implements Pins {
  readonly #state: State
  readonly #log: Journal
  readonly #blocks: Flushing

  constructor(state: State, log: Journal, blocks: Flushing) {
    this.#state = state
    this.#log = log
    this.#blocks = blocks
  }

  async put(pins: readonly Pin[]): Promise<void> {
    await this.replace([], pins)
  }

  async delete(cids: readonly CID[]): Promise<CID[]> {
    const there = await this.#state.read(() => cids.filter(cid => this.#find(cid) !== undefined))
    if (there.length > 0) await this.replace(there, [])
    return cids.filter(cid => !there.includes(cid))
  }

  async replace(
    removed: readonly CID[],
    added: readonly Pin[],
    values: ReadonlyMap<string, Uint8Array> = new Map(),
  ): Promise<void> {
    await this.#blocks.flushWith(() => {
      this.#state.countRootChange()
      this.#log.append([...removed.map(cid => ({ unpin: cid.toString() })), ...added.map(toRecord)])
      for (const cid of removed) deletePin(this.#state, cid)
      for (const pin of added) putPin(this.#state, pin)
      for (const [key, value] of values) putValue(this.#state, key, value)
    })
    await this.#log.settled()
  }

  async get(cid: CID, options: { expired?: boolean } = {}): Promise<Pin | undefined> {
    const pin = await this.#state.read(() => this.#find(cid))
    const isExpired = pin?.expires !== undefined && pin.expires <= Date.now()
    return isExpired && options.expired !== true ? undefined : pin
  }

  async ofBlock(cid: CID): Promise<Pin[]> {
    const { bytes } = cid.multihash
    const rows = await this.#state.read(() =>
      this.#state.rows(
        `SELECT ${COLUMNS} FROM pins WHERE substr(cid, -?) = ? AND (expires IS NULL OR expires > ?) ORDER BY mode`,
        bytes.length,
        bytes,
        Date.now(),
      ),
    )
    // One hash may end as another one.
    return rows.map(toPin).filter(pin => Buffer.compare(pin.cid.multihash.bytes, bytes) === 0)
  }

  async deleteExpired(): Promise<number> {
    const now = Date.now()
    const isAny = await this.#state.read(() => this.#state.row('SELECT 1 FROM pins WHERE expires <= ?', now))
    if (isAny === undefined) return 0
    const count = await this.#state.write(() => {
      // Looked for once more: one that was extended meanwhile stays.
      const gone = this.#state.rows(`SELECT ${COLUMNS} FROM pins WHERE expires <= ?`, now).map(toPin)
      this.#state.countRootChange()
      this.#log.append(gone.map(({ cid }) => ({ unpin: cid.toString() })))
      for (const { cid } of gone) deletePin(this.#state, cid)
      return gone.length
    })
    await this.#log.settled()
    return count
  }

  async *list(options: { mode?: PinMode | 'all'; name?: string; expired?: boolean } = {}): AsyncIterable<Pin> {
    const { mode = 'all', name, expired = false } = options
    const modes = mode === 'all' ? [RECURSIVE, DIRECT] : [modeNumber(mode)]
    let after: [Uint8Array, number] = [new Uint8Array(), 0]
    for (;;) {
      const rows = await this.#state.read(() =>
        this.#state.rows(
          `SELECT ${COLUMNS} FROM pins WHERE (hash, mode) > (?, ?) AND mode BETWEEN ? AND ? AND instr(name, ?) > 0
           AND (expires IS NULL OR expires > ?) ORDER BY hash, mode LIMIT ${LIST_ROWS}`,
          ...after,
          Math.min(...modes),
          Math.max(...modes),
          name ?? '',
          expired ? -1 : Date.now(),
        ),
      )
      for (const row of rows) {
        after = [row[0] as Uint8Array, row[1] as number]
        yield toPin(row)
      }
      if (rows.length < LIST_ROWS) return
    }
  }

  async count(): Promise<number> {
    return await this.#state.read(() => Number(this.#state.row('SELECT count(*) FROM pins')?.[0] ?? 0))
  }

  #find(cid: CID): Pin | undefined {
    const row = this.#state.row(`SELECT ${COLUMNS} FROM pins WHERE ${IS_PIN} ORDER BY mode LIMIT 1`, ...keysOf(cid))
    return row === undefined ? undefined : toPin(row)
  }
}

/** Writes the row of a pin. To be called inside `State.write`. */
export function putPin(state: State, pin: Pin): void {
  if (pin.cid.version !== 0) {
    state.run('DELETE FROM pins WHERE hash = ? AND cid = ?', pin.cid.multihash.bytes, pin.cid.bytes)
  }
  state.run(
    `INSERT OR REPLACE INTO pins(${COLUMNS}, generation) VALUES (?, ?, ?, ?, ?, ?, ${GENERATION})`,
    pin.cid.bytes,
    modeNumber(pin.mode),
    pin.cid.bytes,
    pin.name,
    pin.expires ?? null,
    pin.labels === undefined ? null : JSON.stringify(pin.labels),
  )
}

/** Removes the rows of a pin, of either mode. To be called inside `State.write`. */
export function deletePin(state: State, cid: CID): void {
  state.run(`DELETE FROM pins WHERE ${IS_PIN}`, ...keysOf(cid))
}

/** Both places where a pin may stand. */
const IS_PIN = 'hash IN (?, ?) AND cid = ?'

function keysOf(cid: CID): [Uint8Array, Uint8Array, Uint8Array] {
  return [cid.bytes, cid.multihash.bytes, cid.bytes]
}

/** Returns the pins that were put after a generation. To be called inside `State.read` or `State.write`. */
export function pinsSince(state: State, generation: number): Pin[] {
  return state.rows(`SELECT ${COLUMNS} FROM pins WHERE generation > ?`, generation).map(toPin)
}

/** Returns the records that make all pins anew. To be called inside `State.write`. */
export function pinRecords(state: State): RootRecord[] {
  return state.rows(`SELECT ${COLUMNS} FROM pins`).map(row => toRecord(toPin(row)))
}

/** Returns the pin of a record. */
export function pinOf(record: PinRecord): Pin {
  return {
    cid: CID.parse(record.pin),
    mode: record.mode === 'direct' ? 'direct' : 'recursive',
    name: record.name ?? '',
    expires: record.expires,
    labels: record.labels === undefined ? undefined : JSON.parse(record.labels),
  }
}

function toRecord(pin: Pin): RootRecord {
  return {
    pin: pin.cid.toString(),
    mode: pin.mode,
    ...(pin.name === '' ? {} : { name: pin.name }),
    ...(pin.expires === undefined ? {} : { expires: pin.expires }),
    ...(pin.labels === undefined ? {} : { labels: JSON.stringify(pin.labels) }),
  }
}

function modeNumber(mode: PinMode): number {
  return mode === 'recursive' ? RECURSIVE : DIRECT
}

function toPin(row: readonly unknown[]): Pin {
  const [, mode, cid, name, expires, labels] = row as [
    Uint8Array,
    number,
    Uint8Array,
    string,
    number | null,
    string | null,
  ]
  return {
    cid: CID.decode(cid),
    mode: mode === RECURSIVE ? 'recursive' : 'direct',
    name,
    expires: expires ?? undefined,
    labels: labels === null ? undefined : JSON.parse(labels),
  }
}
