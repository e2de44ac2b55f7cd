import { closeSync, constants, openSync, readSync, statfsSync, write, writeSync } from 'node:fs'
import { errorCode } from '../contract/failure.ts'
import { sectionHeadLength, writeSectionHead } from './pack-format.ts'
import type { Appended, OpenPack } from './pack-writer.ts'

/** What of WebAssembly is used here: its memory begins with a page of the system's, a buffer of the runtime anywhere. */
declare const WebAssembly: {
  readonly Memory: new (options: { readonly initial: number }) => { readonly buffer: ArrayBuffer }
}

/**
 * When packs are written around the page cache: where it was measured to pay, always (for tests: whatever the disk), or never.
 */
export type DirectMode = 'measured' | 'always' | 'never'

/** What is written around the cache begins at a multiple of this, is as long as one, and lies in memory at one. */
const PAGE_BYTES = 4096
/** A batch of 1 MiB, and what it begins with, is one write. */
const STAGE_BYTES = 1024 * 1024 + 60 * 1024
/** Pages of WebAssembly: the stage, and room behind it for what stands before a block. */
const STAGE_PAGES = 17
/** Blocks that come in batches of this size at least, one after another, are part of something large. */
export const LARGE_BATCH_BYTES = 512 * 1024
/** So much of something large is left in the cache: what is smaller is read again soon, and costs little. */
const CACHED_BYTES = 16 * 1024 * 1024
/** Of each pack so many bytes are written while nothing else goes on here, to see how fast the disk is. */
const TIMED_BYTES = 2 * 1024 * 1024
/** What is not in the cache has to be read from a disk that gives it about as fast as it can be hashed. */
const FAST_BYTES_PER_MS = 700_000

/** File systems where O_DIRECT goes around the cache, or on overlays is refused where it does not, by their magic number. */
const DIRECT_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  // ext4, xfs, overlay.
  ...[0xef53, 0x58465342, 0x794c7630],
])

/** A pack that is opened once more, to be written around the cache. */
export interface DirectFile {
  readonly fd: number
  /** What has been timed. */
  timedBytes: number
  timedMs: number
}

/** Writes packs around the page cache: a copy into fresh pages of it costs more than all that the disk has to be told. */
export class DirectWrites {
  readonly #folder: string
  readonly #mode: DirectMode
  #isPossible: boolean | undefined
  /** Bytes of large batches that came one after another. */
  #bytesInRow = 0
  #stage: Buffer | undefined
  /** The pack whose last page, as far as it is written, the stage begins with, and where that ends. */
  #staged: { readonly pack: OpenPack; end: number } | undefined

  constructor(folder: string, mode: DirectMode) {
    this.#folder = folder
    this.#mode = mode
  }

  /** Counts a batch, and returns true when it should go around the cache. */
  wants(blocks: readonly Appended[]): boolean {
    if (this.#mode === 'always') return true
    if (this.#mode === 'never' || this.#isPossible === false) return false
    let bytes = 0
    for (const block of blocks) bytes += block.bytes.length
    this.#bytesInRow = bytes < LARGE_BATCH_BYTES ? 0 : this.#bytesInRow + bytes
    if (this.#bytesInRow <= CACHED_BYTES) return false
    this.#isPossible ??= DIRECT_FILE_SYSTEMS.has(statfsSync(this.#folder).type)
    return this.#isPossible
  }

  /**
   * Appends blocks to a pack and sets their places; returns false when that has to be done through the cache, with
   * nothing changed. Until it is cut the file ends with zeros behind the last block, up to the end of the page.
   */
  async write(pack: OpenPack, blocks: readonly Appended[]): Promise<boolean> {
    const file = this.#open(pack)
    if (file === undefined) return false
    try {
      if (this.#mode === 'measured' && isSlow(file)) return false
      this.#stage ??= Buffer.from(new WebAssembly.Memory({ initial: STAGE_PAGES }).buffer)
      pack.padded = true
      return await this.#writeTo(pack, file, this.#stage, blocks)
    } catch (error) {
      this.#staged = undefined
      if (!isRefusal(error)) throw error
      this.#isPossible = false
      return false
    }
  }

  async #writeTo(pack: OpenPack, file: DirectFile, stage: Buffer, blocks: readonly Appended[]): Promise<boolean> {
    let used = this.#stageLastPage(pack, stage)
    let base = pack.end - used
    this.#staged = undefined
    const drain = async (): Promise<void> => {
      const whole = used - (used % PAGE_BYTES)
      await writeStage(file, stage, whole, base)
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
    const padded = Math.ceil(used / PAGE_BYTES) * PAGE_BYTES
    stage.fill(0, used, padded)
    await writeStage(file, stage, padded, base)
    stage.copyWithin(0, used - (used % PAGE_BYTES), used)
    this.#staged = { pack, end }
    setPlaces(pack, blocks)
    pack.unflushed += end - pack.end
    pack.end = end
    return true
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

  #open(pack: OpenPack): DirectFile | undefined {
    if (pack.direct !== undefined || this.#isPossible === false) return pack.direct
    try {
      pack.direct = { fd: openSync(pack.file, constants.O_WRONLY | constants.O_DIRECT), timedBytes: 0, timedMs: 0 }
    } catch (error) {
      if (!isRefusal(error)) throw error
      this.#isPossible = false
    }
    return pack.direct
  }
}

/** Closes what `DirectWrites` has opened of a pack. */
export function closeDirect(pack: OpenPack): void {
  if (pack.direct !== undefined) closeSync(pack.direct.fd)
  pack.direct = undefined
}

function isSlow({ timedBytes, timedMs }: DirectFile): boolean {
  return timedBytes < timedMs * FAST_BYTES_PER_MS
}

/** Returns true when a file system says that it does not write around its cache. */
function isRefusal(error: unknown): boolean {
  const code = errorCode(error)
  return code === 'EINVAL' || code === 'ENOTSUP' || code === 'EOPNOTSUPP'
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

async function writeStage(file: DirectFile, stage: Buffer, length: number, position: number): Promise<void> {
  const isTimed = file.timedBytes < TIMED_BYTES
  const begin = performance.now()
  for (let done = 0; done < length; ) {
    const [rest, at] = [length - done, position + done]
    done += isTimed ? writeSync(file.fd, stage, done, rest, at) : await writePart(file.fd, stage, done, rest, at)
  }
  if (!isTimed) return
  file.timedBytes += length
  file.timedMs += performance.now() - begin
}

function writePart(fd: number, bytes: Buffer, from: number, length: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, from, length, position, (error, count) => {
      if (error === null) resolve(count)
      else reject(error)
    })
  })
}
