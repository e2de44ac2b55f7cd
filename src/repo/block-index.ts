import type { Place } from './pack-reader.ts'
import type { State } from './state.ts'

/** The number that stands for "not in a pack but in a file of the user" (`filestore.ts`). */
export const PACK_OF_FILES = 0

/** What the index knows of a block. */
export interface Row extends Place {
  readonly epoch: number
  /** True when the block, read as dag-pb, holds no links. */
  readonly leaf: boolean
}

/** A row for a block that was written. */
export interface NewRow {
  readonly hash: Uint8Array
  readonly place: Place
  readonly leaf: boolean
}

/** The rows of the index, by multihash. All is synchronous: to be called inside `State.read` or `State.write`. */
export class BlockIndex {
  readonly #state: State

  constructor(state: State) {
    this.#state = state
  }

  find(hash: Uint8Array): Row | undefined {
    const row = this.#state.row('SELECT pack, offset, length, epoch, leaf FROM blocks WHERE hash = ?', hash)
    if (row === undefined) return undefined
    return {
      pack: row[0] as number,
      offset: row[1] as number,
      length: row[2] as number,
      epoch: row[3] as number,
      leaf: row[4] === 1,
    }
  }

  /** Like `find`, of what tells about a block alone: fewer columns cost less. */
  look(hash: Uint8Array): Pick<Row, 'length' | 'leaf'> | undefined {
    const row = this.#state.row('SELECT length, leaf FROM blocks WHERE hash = ?', hash)
    return row === undefined ? undefined : { length: row[0] as number, leaf: row[1] === 1 }
  }

  has(hash: Uint8Array): boolean {
    return this.#state.row('SELECT 1 FROM blocks WHERE hash = ?', hash) !== undefined
  }

  /** Adds a row. When another run was faster its row stays, and is as young as ours would be. */
  insert(row: NewRow, epoch: number): void {
    this.#state.run(
      `INSERT INTO blocks(hash, pack, offset, length, epoch, leaf) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT(hash) DO UPDATE SET epoch = max(epoch, excluded.epoch), leaf = max(leaf, excluded.leaf)`,
      ...values(row, epoch),
    )
  }

  /** Adds a row, or makes the one that is there point to the new bytes. */
  replace(row: NewRow, epoch: number): void {
    this.#state.run(
      `INSERT INTO blocks(hash, pack, offset, length, epoch, leaf) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT(hash) DO UPDATE SET pack = excluded.pack, offset = excluded.offset, length = excluded.length,
         epoch = max(epoch, excluded.epoch), leaf = max(leaf, excluded.leaf)`,
      ...values(row, epoch),
    )
  }

  /** Makes a row at least as young as `epoch`. Returns false when it is gone. */
  refresh(hash: Uint8Array, epoch: number, leaf: boolean): boolean {
    return (
      this.#state.run(
        'UPDATE blocks SET epoch = max(epoch, ?), leaf = max(leaf, ?) WHERE hash = ?',
        epoch,
        leaf ? 1 : 0,
        hash,
      ) > 0
    )
  }

  /** Makes a row point to where its bytes were moved, when it still points to where they were. */
  move(hash: Uint8Array, from: Place, to: Place): void {
    this.#state.run(
      'UPDATE blocks SET pack = ?, offset = ? WHERE hash = ? AND pack = ? AND offset = ?',
      to.pack,
      to.offset,
      hash,
      from.pack,
      from.offset,
    )
  }

  delete(hash: Uint8Array): boolean {
    return this.#state.run('DELETE FROM blocks WHERE hash = ?', hash) > 0
  }

  /** Says up to where a pack is committed. */
  commitPack(pack: number, end: number, sealed: boolean): void {
    this.#state.run(
      `INSERT INTO packs(id, committed, sealed) VALUES (?, ?, ?)
       ON CONFLICT(id) DO UPDATE SET committed = max(committed, excluded.committed), sealed = max(sealed, excluded.sealed)`,
      pack,
      end,
      sealed ? 1 : 0,
    )
  }
}

function values(row: NewRow, epoch: number): [Uint8Array, number, number, number, number, number] {
  const { pack, offset, length } = row.place
  return [row.hash, pack, offset, length, epoch, row.leaf ? 1 : 0]
}
