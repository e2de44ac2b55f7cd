import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  unlinkSync,
  writeSync,
  writev,
} from 'node:fs'
import type { CID } from 'multiformats/cid'
import { errorCode, systemFailure } from '../contract/failure.ts'
import { type DirectMode, DirectWrites, type Moved } from './direct-writes.ts'
import { syncFolder } from './durable.ts'
import { type Layout, packFile, packId, packIdFromName, packRange, packSlot } from './layout.ts'
import { PACK_HEADER, sectionHeadLength, writeSectionHead } from './pack-format.ts'
import type { Place } from './pack-reader.ts'
import { random32 } from './random.ts'
import type { State } from './state.ts'

/** A pack that has reached this size is not appended to any more. */
export const PACK_BYTES_FULL = 64 * 1024 * 1024
/** Blocks below this size are copied into one buffer with what stands before them; larger ones are written as they are. */
const COPY_BYTES_MAX = 32 * 1024
const SCRATCH_BYTES = 1024 * 1024
const VECTOR_MAX = 512
const SYNC_BYTES_MAX = 64 * 1024

/** How packs are flushed. */
export interface Durability {
  readonly durable: boolean
  /** Nothing else goes on in this process while a few blocks are flushed. */
  readonly alone?: boolean | undefined
  /** Where nothing is flushed, nothing is written around the cache either. */
  readonly directWrites?: DirectMode | undefined
}

/** A block that is to be appended; `place` is set when it was. */
export interface Appended {
  readonly cid: CID
  readonly bytes: Uint8Array
  place: Place | undefined
}

/** A pack that this run appends to. */
export class OpenPack {
  readonly id: number
  readonly file: string
  readonly fd: number
  /** Where the next section goes. */
  end: number
  /** True until the name of a new pack is known to be on disk. */
  nameless: boolean
  /** Set when a flush failed: what lies there cannot be trusted. */
  broken = false
  /** Batches that are written but not committed. */
  users = 0
  /** Bytes that were written since the last flush. */
  unflushed = 0
  /** Rows may name what lies before; undefined after a commit that failed, when nobody knows. */
  committed: number | undefined
  /** Opened once more, to be written around the cache. */
  directFd: number | undefined
  /** True while the file may be longer than what was appended. */
  padded = false

  constructor(id: number, file: string, fd: number, end: number, nameless: boolean) {
    this.id = id
    this.file = file
    this.fd = fd
    this.end = end
    this.nameless = nameless
    this.committed = end
  }

  get isFull(): boolean {
    return this.end >= PACK_BYTES_FULL
  }

  /** Returns what comes of a commit of rows that name this pack up to `end`, and notes it. */
  async commit<T>(committing: Promise<T>, end: number): Promise<T> {
    const { committed } = this
    this.committed = undefined
    const result = await committing
    if (committed !== undefined) this.committed = Math.max(committed, end)
    return result
  }
}

/** Appends blocks to the packs of one slot. */
export class PackWriter implements AsyncDisposable {
  readonly #layout: Layout
  readonly #state: State
  readonly #slot: number
  readonly #durability: Durability
  #pack: OpenPack | undefined
  readonly #direct: DirectWrites
  #swept = false
  #scratch: Buffer | undefined
  #appended: Promise<unknown> = Promise.resolve()
  readonly #retired = new Set<OpenPack>()
  readonly #avoided = new Set<number>()

  constructor(layout: Layout, state: State, slot: number, durability: Durability) {
    this.#layout = layout
    this.#state = state
    this.#slot = slot
    this.#durability = durability
    const { durable, directWrites = 'measured' } = durability
    this.#direct = new DirectWrites(layout.packs, durable ? directWrites : 'never')
  }

  /**
   * Appends blocks, sets their places, and returns the pack that they are in. Flush and commit are still to come. With
   * `moved` the memory of blocks may be free before.
   */
  append<T extends Appended>(blocks: readonly T[], moved?: Moved<T>): Promise<OpenPack> {
    const appended = this.#appended.then(() => this.#append(blocks, moved))
    // One after another: they share the end of a pack.
    this.#appended = appended.catch(() => undefined)
    return appended
  }

  async #append<T extends Appended>(blocks: readonly T[], moved: Moved<T> | undefined): Promise<OpenPack> {
    const pack = await this.#current()
    const before = pack.end
    pack.users++
    try {
      if (!this.#direct.takes(blocks) || !(await this.#direct.write(pack, blocks, moved)))
        await this.#write(pack, blocks)
      // What follows goes into another pack.
      if (pack.isFull) cutPadding(pack)
      return pack
    } catch (error) {
      cut(pack, before)
      this.release(pack)
      // What was appended before is as good as it was.
      this.#avoided.add(pack.id)
      this.#retire(pack)
      throw systemFailure(error, pack.file)
    }
  }

  /** Resolves when what was appended to a pack, and its name, are on disk. */
  async sync(pack: OpenPack): Promise<void> {
    const { durable, alone } = this.#durability
    if (!durable) return
    const isShort = pack.unflushed <= SYNC_BYTES_MAX
    pack.unflushed = 0
    try {
      // To start the threads that flush takes longer than a small command has to do.
      if (alone === true && isShort) fdatasyncSync(pack.fd)
      else await flushData(pack.fd)
      if (!pack.nameless) return
      await syncFolder(this.#layout.packs)
      pack.nameless = false
    } catch (error) {
      // After a flush that failed nobody knows what is on disk.
      this.abandon(pack)
      throw systemFailure(error, pack.file)
    }
  }

  /** Says that one `append` is committed, or given up. */
  release(pack: OpenPack): void {
    pack.users--
    if (pack !== this.#pack && pack.users === 0) this.#close(pack)
  }

  /** Returns true when nothing is appended to a pack after the one batch that is about to be committed. */
  endsWith(pack: OpenPack): boolean {
    return pack.isFull && pack.users === 1
  }

  /** Promises never to append to a pack; returns false when this run is at it, or has something uncommitted there. */
  avoid(id: number): boolean {
    if (this.#pack?.id === id || this.#isRetired(id)) return false
    this.#avoided.add(id)
    return true
  }

  /** Never appends to a pack again in this run. */
  abandon(pack: OpenPack): void {
    if (pack.broken) return
    pack.broken = true
    this.#avoided.add(pack.id)
    this.#retire(pack)
  }

  async #current(): Promise<OpenPack> {
    if (this.#pack?.isFull) this.#retire(this.#pack)
    if (this.#pack !== undefined) return this.#pack
    this.#pack = (await this.#openOld()) ?? this.#create()
    return this.#pack
  }

  #retire(pack: OpenPack): void {
    if (pack === this.#pack) this.#pack = undefined
    if (pack.users === 0) this.#close(pack)
    else this.#retired.add(pack)
  }

  /** Returns true while something in a pack that is full waits for its commit: it must not be cut to its committed end. */
  #isRetired(id: number): boolean {
    return [...this.#retired].some(pack => pack.id === id)
  }

  #close(pack: OpenPack): void {
    this.#retired.delete(pack)
    cutPadding(pack)
    if (pack.directFd !== undefined) closeSync(pack.directFd)
    closeSync(pack.fd)
  }

  /** Opens a pack of the slot that has room, cut to its committed end. */
  async #openOld(): Promise<OpenPack | undefined> {
    const [low, high] = packRange(this.#slot)
    const rows = await this.#state.read(() =>
      this.#state.rows(
        'SELECT id, committed FROM packs WHERE sealed = 0 AND id BETWEEN ? AND ? AND committed < ? LIMIT 16',
        low,
        high,
        PACK_BYTES_FULL,
      ),
    )
    for (const row of rows) {
      const id = Number(row[0])
      const committed = Number(row[1])
      if (this.#avoided.has(id) || this.#isRetired(id)) continue
      const file = packFile(this.#layout, id)
      try {
        const fd = openSync(file, 'r+')
        const { size } = fstatSync(fd)
        // A pack that was cut behind our back is left to repair.
        if (size >= committed) {
          if (size > committed) ftruncateSync(fd, committed)
          return new OpenPack(id, file, fd, committed, false)
        }
        closeSync(fd)
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw systemFailure(error, file)
      }
      this.#avoided.add(id)
    }
    return undefined
  }

  #create(): OpenPack {
    this.#sweep()
    for (;;) {
      const id = packId(this.#slot, random32())
      const file = packFile(this.#layout, id)
      let fd: number
      try {
        fd = openSync(file, 'wx+', 0o600)
      } catch (error) {
        if (errorCode(error) === 'EEXIST') continue
        throw systemFailure(error, file)
      }
      try {
        writeSync(fd, PACK_HEADER, 0, PACK_HEADER.length, 0)
        return new OpenPack(id, file, fd, PACK_HEADER.length, true)
      } catch (error) {
        closeSync(fd)
        unlinkSync(file)
        throw systemFailure(error, file)
      }
    }
  }

  /** Removes what killed holders of this slot have left: packs that no row names. */
  #sweep(): void {
    if (this.#swept) return
    this.#swept = true
    for (const name of readdirSync(this.#layout.packs)) {
      const id = packIdFromName(name)
      if (id === undefined || packSlot(id) !== this.#slot) continue
      if (id === this.#pack?.id || this.#isRetired(id)) continue
      if (this.#state.row('SELECT 1 FROM packs WHERE id = ?', id) === undefined) unlinkSync(packFile(this.#layout, id))
    }
  }

  async #write(pack: OpenPack, blocks: readonly Appended[]): Promise<void> {
    this.#scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES)
    const scratch = this.#scratch
    let vector: Uint8Array[] = []
    let from = 0
    let used = 0
    let bytesDue = 0
    let end = pack.end
    const cutScratch = (): void => {
      if (used > from) vector.push(scratch.subarray(from, used))
      from = used
    }
    const drain = async (): Promise<void> => {
      cutScratch()
      await writeAll(pack.fd, vector, pack.end, bytesDue)
      pack.end += bytesDue
      pack.unflushed += bytesDue
      vector = []
      from = 0
      used = 0
      bytesDue = 0
    }
    for (const block of blocks) {
      const { length } = block.bytes
      const headLength = sectionHeadLength(block.cid, length)
      const copied = headLength + (length < COPY_BYTES_MAX ? length : 0)
      if (used + copied > SCRATCH_BYTES || vector.length >= VECTOR_MAX) await drain()
      used = writeSectionHead(scratch, used, block.cid, length)
      if (length < COPY_BYTES_MAX) {
        scratch.set(block.bytes, used)
        used += length
      } else {
        cutScratch()
        vector.push(block.bytes)
      }
      block.place = { pack: pack.id, offset: end + headLength, length }
      end += headLength + length
      bytesDue += headLength + length
    }
    await drain()
  }

  /** Closes the packs, cut to what is committed. What a killed run has left is cut off by who holds the slot next. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const pack of [...this.#retired, ...(this.#pack === undefined ? [] : [this.#pack])]) {
      if (pack.committed !== undefined && pack.committed < pack.end) cut(pack, pack.committed)
      this.#close(pack)
    }
    this.#pack = undefined
  }
}

async function writeAll(fd: number, vector: readonly Uint8Array[], position: number, total: number): Promise<void> {
  if (total === 0) return
  let rest = vector
  let done = 0
  while (done < total) {
    const [only] = rest
    const count =
      rest.length === 1 && only !== undefined && total <= SYNC_BYTES_MAX
        ? writeSync(fd, only, 0, only.length, position + done)
        : await writeVector(fd, rest, position + done)
    done += count
    if (done < total) rest = dropBytes(rest, count)
  }
}

function dropBytes(vector: readonly Uint8Array[], count: number): Uint8Array[] {
  const rest: Uint8Array[] = []
  let skip = count
  for (const bytes of vector) {
    if (skip < bytes.length) rest.push(bytes.subarray(skip))
    skip = Math.max(0, skip - bytes.length)
  }
  return rest
}

function writeVector(fd: number, vector: readonly Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    writev(fd, vector as Uint8Array[], position, (error, count) => {
      if (error) reject(error)
      else resolve(count)
    })
  })
}

function flushData(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fdatasync(fd, error => (error ? reject(error) : resolve()))
  })
}

/** Cuts a pack that was written in whole pages to what was appended. */
function cutPadding(pack: OpenPack): void {
  if (pack.padded) cut(pack, pack.end)
}

/** Cuts a pack where an append failed, since on a full disk every byte counts, or where it ends. */
function cut(pack: OpenPack, end: number): void {
  pack.padded = false
  try {
    ftruncateSync(pack.fd, end)
  } catch {
    // The failure that led here, if any, is the one to tell; the next holder of the slot cuts the pack too.
  }
}
