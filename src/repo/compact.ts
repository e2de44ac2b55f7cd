import { readdirSync, unlinkSync } from 'node:fs'
import type { CID } from 'multiformats/cid'
import { errorCode, Failure, systemFailure } from '../contract/failure.ts'
import type { BlockIndex } from './block-index.ts'
import { BATCH_BLOCKS_MAX, BATCH_BYTES_DUE } from './block-writer.ts'
import type { Checker } from './check.ts'
import { type Layout, packFile, packIdFromName, packSlot, slotLockFile } from './layout.ts'
import { KernelLock } from './locks.ts'
import { recoverCid, SECTION_HEAD_BYTES_MAX } from './pack-format.ts'
import type { PackReader, Place } from './pack-reader.ts'
import type { PackWriter } from './pack-writer.ts'
import { Breath } from './pause.ts'
import type { State } from './state.ts'

const SCAN_ROWS = 20_000
/** Rows of packs that are rewritten together are held in memory, at most about so many. */
const MOVES_MAX = 100_000
const SMALL_BYTES = 4 * 1024 * 1024
/** So many small packs may lie about: side by side they serve as many runs. */
const SMALL_PACKS_MAX = 32

interface PackUse {
  readonly id: number
  readonly committed: number
  readonly sealed: boolean
  rows: number
  bytes: number
}

interface Move {
  readonly hash: Uint8Array
  readonly place: Place
}

interface Moved {
  readonly cid: CID
  readonly bytes: Uint8Array
  readonly move: Move
  place: Place | undefined
}

export interface CompactionOptions {
  readonly layout: Layout
  readonly state: State
  readonly index: BlockIndex
  readonly reader: PackReader
  readonly checker: Checker
  /** Appends for the run that collects. */
  readonly packs: PackWriter
  readonly slot: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Removes packs in which nothing lives, writes those anew that are mostly dead, and merges small ones. A pack is
 * touched only when nobody can append to it: it is sealed, or its slot is held here meanwhile.
 */
export async function compactPacks(options: CompactionOptions): Promise<void> {
  using slots = new HeldSlots(options)
  const uses = await countUses(options)
  const free = uses.filter(use => use.sealed || slots.mayTouch(use.id)).filter(use => options.packs.avoid(use.id))
  const dead = free.filter(use => use.rows === 0)
  await removePacks(options, dead)
  for (const group of groupsOf(victims(free.filter(use => use.rows > 0)))) {
    options.signal?.throwIfAborted()
    try {
      await rewrite(options, group)
    } catch (error) {
      // Who collects because the disk is full is served by what was removed already.
      if (error instanceof Failure && errorCode(error.cause) === 'ENOSPC') return
      throw error
    }
  }
  sweepNameless(options, slots)
}

/** Holds every slot that has packs to append to and that no run holds. */
class HeldSlots implements Disposable {
  readonly #own: number
  readonly #held = new Map<number, KernelLock>()

  constructor({ layout, slot }: CompactionOptions) {
    this.#own = slot
    for (const name of readdirSync(layout.packs)) {
      const id = packIdFromName(name)
      if (id === undefined) continue
      const other = packSlot(id)
      if (other === slot || this.#held.has(other)) continue
      const lock = KernelLock.tryExclusive(slotLockFile(layout, other))
      if (lock !== undefined) this.#held.set(other, lock)
    }
  }

  mayTouch(id: number): boolean {
    return packSlot(id) === this.#own || this.#held.has(packSlot(id))
  }

  [Symbol.dispose](): void {
    for (const lock of this.#held.values()) lock[Symbol.dispose]()
  }
}

/** Returns for every pack how much in it lives. */
async function countUses({ state, signal }: CompactionOptions): Promise<PackUse[]> {
  const rows = await state.read(() => state.rows('SELECT id, committed, sealed FROM packs ORDER BY id'))
  const uses = new Map(
    rows.map(([id, committed, sealed]) => [
      Number(id),
      { id: Number(id), committed: Number(committed), sealed: sealed === 1, rows: 0, bytes: 0 },
    ]),
  )
  for await (const { pack, length } of scan(state, signal)) {
    const use = uses.get(pack)
    if (use === undefined) continue
    use.rows++
    use.bytes += length
  }
  return [...uses.values()]
}

interface ScannedRow {
  readonly hash: Uint8Array
  readonly pack: number
  readonly offset: number
  readonly length: number
}

/** Yields the rows of all blocks that lie in packs, in the order of keys. */
async function* scan(state: State, signal: AbortSignal | undefined): AsyncIterable<ScannedRow> {
  let after: Uint8Array = new Uint8Array()
  const breath = new Breath()
  for (;;) {
    const rows = await state.read(() =>
      state.rows(
        `SELECT hash, pack, offset, length FROM blocks WHERE hash > ? ORDER BY hash LIMIT ${SCAN_ROWS}`,
        after,
      ),
    )
    for (const row of rows) {
      const [hash, pack, offset, length] = row as [Uint8Array, number, number, number]
      after = hash
      if (pack > 0) yield { hash, pack, offset, length }
    }
    if (rows.length < SCAN_ROWS) return
    await breath.take(signal)
  }
}

/** Returns the packs that are worth writing anew, those that free most first. */
function victims(uses: readonly PackUse[]): PackUse[] {
  const small = uses.filter(use => use.committed < SMALL_BYTES)
  const merged = new Set(small.length > SMALL_PACKS_MAX ? small : [])
  return uses
    .filter(use => use.bytes * 2 < use.committed || merged.has(use))
    .sort((a, b) => a.bytes / a.committed - b.bytes / b.committed)
}

function groupsOf(packs: readonly PackUse[]): PackUse[][] {
  const groups: PackUse[][] = []
  let rows = MOVES_MAX
  for (const pack of packs) {
    if (rows + pack.rows > MOVES_MAX) {
      groups.push([])
      rows = 0
    }
    rows += pack.rows
    groups.at(-1)?.push(pack)
  }
  return groups
}

async function rewrite(options: CompactionOptions, packs: readonly PackUse[]): Promise<void> {
  const moves = new Map<number, Move[]>(packs.map(pack => [pack.id, []]))
  for await (const { hash, ...place } of scan(options.state, options.signal))
    moves.get(place.pack)?.push({ hash, place })
  const done: PackUse[] = []
  for (const pack of packs) {
    // A pack with a damaged block stays as it is: what is wrong in it is for `repo verify` to tell.
    if (await movePack(options, moves.get(pack.id) ?? [])) done.push(pack)
  }
  await removePacks(options, done)
}

/** Copies blocks into the packs of this run; returns false when one of them could not be read. */
async function movePack(options: CompactionOptions, moves: readonly Move[]): Promise<boolean> {
  const sorted = moves.toSorted((a, b) => a.place.offset - b.place.offset)
  let whole = true
  for (let from = 0; from < sorted.length; ) {
    let to = from
    for (let bytes = 0; to < sorted.length && to - from < BATCH_BLOCKS_MAX && bytes < BATCH_BYTES_DUE; to++) {
      bytes += sorted[to]?.place.length ?? 0
    }
    options.signal?.throwIfAborted()
    const some = sorted.slice(from, to)
    const read = await readMoves(options, some)
    whole &&= read.length === some.length
    if (read.length > 0) await commitMoves(options, read)
    from = to
  }
  return whole
}

async function readMoves({ reader, checker }: CompactionOptions, moves: readonly Move[]): Promise<Moved[]> {
  const read: Moved[] = []
  const items = moves.map(({ hash, place }) => {
    const head = Math.min(place.offset, SECTION_HEAD_BYTES_MAX)
    return {
      hash,
      move: { hash, place },
      head,
      place: { ...place, offset: place.offset - head, length: place.length + head },
    }
  })
  await reader.readMany(items, async ({ hash, move, head, place }, bytes) => {
    if (bytes === undefined || bytes.length < place.length) return
    const data = bytes.subarray(head)
    const cid = recoverCid(bytes.subarray(0, head), hash, data.length)
    if (await checker.matches(cid, data)) read.push({ cid, bytes: data, move, place: undefined })
  })
  return read
}

async function commitMoves({ packs, state, index }: CompactionOptions, moved: Moved[]): Promise<void> {
  const pack = await packs.append(moved)
  try {
    const { end } = pack
    await packs.sync(pack)
    moved.sort((a, b) => Buffer.compare(a.move.hash, b.move.hash))
    const committing = state.write(() => {
      for (const { move, place } of moved) if (place !== undefined) index.move(move.hash, move.place, place)
      index.commitPack(pack.id, end, packs.endsWith(pack))
    })
    await pack.commit(committing, end)
  } finally {
    packs.release(pack)
  }
}

/** Forgets packs, then removes their files: a file that no row names is rubbish, a row without a file is damage. */
async function removePacks({ state, layout, reader }: CompactionOptions, packs: readonly PackUse[]): Promise<void> {
  if (packs.length === 0) return
  await state.write(() => {
    for (const { id } of packs) state.run('DELETE FROM packs WHERE id = ?', id)
  })
  for (const { id } of packs) {
    reader.forget(id)
    removeFile(packFile(layout, id))
  }
}

/** Removes the packs of killed runs that no row names. */
function sweepNameless({ state, layout, packs }: CompactionOptions, slots: HeldSlots): void {
  for (const name of readdirSync(layout.packs)) {
    const id = packIdFromName(name)
    if (id === undefined || !slots.mayTouch(id) || !packs.avoid(id)) continue
    if (state.row('SELECT 1 FROM packs WHERE id = ?', id) === undefined) removeFile(packFile(layout, id))
  }
}

function removeFile(file: string): void {
  try {
    unlinkSync(file)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw systemFailure(error, file)
  }
}
