import { constants, openSync, readSync, statfsSync, write, writeSync } from 'node:fs'
import { errorCode } from '../contract/failure.ts'
import { DirectRule } from './direct-rule.ts'
import { sectionHeadLength, writeSectionHead } from './pack-format.ts'
import type { Appended, OpenPack } from './pack-writer.ts'

/**
 * When packs are written around the page cache: where it was measured to pay, always (for tests: whatever the disk), or never.
 */
export type DirectMode = 'measured' | 'always' | 'never'

/** Says that the bytes of a block lie elsewhere, until the append is done; `bytes` of the block is to be set to them. */
export type Moved<T extends Appended> = (block: T, bytes: Uint8Array) => void

/** What is written around the cache begins at a multiple of this, is as long as one, and lies in memory at one. */
const PAGE_BYTES = 4096
/** A batch of 4 MiB, with what stands before its blocks, is one write. */
const STAGE_BYTES = 4 * 1024 * 1024 + 60 * 1024
/** So much of a batch is timed: on a slow disk nothing else goes on here meanwhile. */
const TIMED_BYTES_MAX = 1024 * 1024
/** Room behind the stage for what stands before a block. */
const HEAD_BYTES_MAX = PAGE_BYTES

/** File systems where O_DIRECT goes around the cache, or on overlays is refused where it does not, by their magic number. */
const DIRECT_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  // ext4, xfs, overlay.
  ...[0xef53, 0x58465342, 0x794c7630],
])

/** Writes packs around the page cache: a copy into fresh pages of it costs more than all that the disk has to be told. */
export class DirectWrites {
  readonly #folder: string
  readonly #mode: DirectMode
  readonly #rule = new DirectRule()
  #isPossible: boolean | undefined
  #stage: Buffer | undefined
  /** The pack whose last page, as far as it is written, the stage begins with, and where that ends. */
  #staged: { readonly pack: OpenPack; end: number } | undefined

  constructor(folder: string, mode: DirectMode) {
    this.#folder = folder
    this.#mode = mode
  }

  /** Counts a batch, and returns true when it should go around the cache. */
  takes(blocks: readonly Appended[]): boolean {
    if (this.#mode !== 'measured') return this.#mode === 'always'
    if (this.#isPossible === false) return false
    let bytes = 0
    for (const block of blocks) bytes += block.bytes.length
    if (!this.#rule.takes(bytes)) {
      // Something large has ended: it is not worth its memory until the next one.
      this.#stage = undefined
      this.#staged = undefined
      return false
    }
    this.#isPossible ??= DIRECT_FILE_SYSTEMS.has(statfsSync(this.#folder).type)
    return this.#isPossible
  }

  /**
   * Appends blocks to a pack and sets their places; returns false when that has to be done through the cache, with
   * nothing changed. Until it is cut the file ends with zeros behind the last block, up to the end of the page. `moved`
   * is told where the bytes of a block lie from now on, and once more should the write fail.
   */
  async write<T extends Appended>(pack: OpenPack, blocks: readonly T[], moved: Moved<T> | undefined): Promise<boolean> {
    const wasMoved: T[] = []
    const move = (block: T, bytes: Uint8Array): void => {
      wasMoved.push(block)
      moved?.(block, bytes)
    }
    try {
      const fd = this.#open(pack)
      if (fd === undefined) return false
      this.#stage ??= pagesOf(STAGE_BYTES + HEAD_BYTES_MAX)
      pack.padded = true
      await this.#writeTo(pack, fd, this.#stage, blocks, move)
      return true
    } catch (error) {
      this.#staged = undefined
      // The stage is used again, and these have to be written again.
      for (const block of wasMoved) moved?.(block, block.bytes.slice())
      if (!isRefusal(error)) throw error
      this.#isPossible = false
      return false
    }
  }

  async #writeTo<T extends Appended>(
    pack: OpenPack,
    fd: number,
    stage: Buffer,
    blocks: readonly T[],
    move: Moved<T>,
  ): Promise<void> {
    let used = this.#stageLastPage(pack, stage)
    let base = pack.end - used
    this.#staged = undefined
    const drain = async (): Promise<void> => {
      const whole = used - (used % PAGE_BYTES)
      await this.#writeStage(fd, stage, whole, base)
      stage.copyWithin(0, whole, used)
      base += whole
      used -= whole
    }
    for (const { cid, bytes } of blocks) {
      used = writeSectionHead(stage, used, cid, bytes.length)
      for (let at = 0; at < bytes.length; ) {
        if (used >= STAGE_BYTES) await drain()
        const count = Math.min(bytes.length - at, STAGE_BYTES - used)
        stage.set(count === bytes.length ? bytes : bytes.subarray(at, at + count), used)
        at += count
        used += count
      }
      if (used >= STAGE_BYTES) await drain()
    }
    const end = base + used
    setPlaces(pack, blocks)
    // Their own memory can be used again while the disk is at work, unless a part of them has left the stage.
    if (end - pack.end <= used) for (const block of blocks) moveToStage(block, stage, base, move)
    const padded = Math.ceil(used / PAGE_BYTES) * PAGE_BYTES
    stage.fill(0, used, padded)
    await this.#writeStage(fd, stage, padded, base)
    stage.copyWithin(0, used - (used % PAGE_BYTES), used)
    this.#staged = { pack, end }
    pack.unflushed += end - pack.end
    pack.end = end
  }

  /** Lets the stage begin with the last page of a pack, and returns how much of that is written. */
  #stageLastPage(pack: OpenPack, stage: Buffer): number {
    const used = pack.end % PAGE_BYTES
    if (this.#staged?.pack === pack && this.#staged.end === pack.end) return used
    for (let done = 0; done < used; ) {
      const count = readSync(pack.fd, stage, done, used - done, pack.end - used + done)
      if (count === 0) throw new Error(`${pack.file}: shorter than what was written to it`)
      done += count
    }
    return used
  }

  async #writeStage(fd: number, stage: Buffer, length: number, position: number): Promise<void> {
    let done = 0
    if (this.#mode === 'measured' && this.#rule.asksTime) {
      const begin = performance.now()
      done = writeSync(fd, stage, 0, Math.min(length, TIMED_BYTES_MAX), position)
      this.#rule.wrote(done, performance.now() - begin)
    }
    while (done < length) done += await writePart(fd, stage, done, length - done, position + done)
  }

  #open(pack: OpenPack): number | undefined {
    if (this.#isPossible === false) return undefined
    pack.directFd ??= openSync(pack.file, constants.O_WRONLY | constants.O_DIRECT)
    return pack.directFd
  }
}

/**
 * Returns memory that begins with a page of the system, as that which may grow does on both runtimes. It is shared memory,
 * since Bun copies other memory of that kind before another thread may read it.
 */
function pagesOf(bytes: number): Buffer {
  return Buffer.from(new SharedArrayBuffer(bytes, { maxByteLength: bytes + PAGE_BYTES }), 0, bytes)
}

/** Returns true when a file system says that it does not write around its cache. */
function isRefusal(error: unknown): boolean {
  const code = errorCode(error)
  return code === 'EINVAL' || code === 'ENOTSUP' || code === 'EOPNOTSUPP'
}

function moveToStage<T extends Appended>(block: T, stage: Buffer, base: number, move: Moved<T>): void {
  const { place } = block
  // No Buffer: `slice` of one is no copy.
  if (place !== undefined)
    move(block, new Uint8Array(stage.buffer, stage.byteOffset + place.offset - base, place.length))
}

function setPlaces(pack: OpenPack, blocks: readonly Appended[]): void {
  let at = pack.end
  for (const block of blocks) {
    const { length } = block.bytes
    at += sectionHeadLength(block.cid, length)
    block.place = { pack: pack.id, offset: at, length }
    at += length
  }
}

function writePart(fd: number, bytes: Buffer, from: number, length: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, from, length, position, (error, count) => {
      if (error === null) resolve(count)
      else reject(error)
    })
  })
}
