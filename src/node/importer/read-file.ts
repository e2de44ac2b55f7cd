import type { FileReader } from '../../contract/source.ts'
import { Breath } from '../../repo/pause.ts'
import type { Blocks, Waiting } from '../../repo/roles.ts'
import { type FileFormat, type FilePart, fileBuilder, putLeafInPlace } from '../file-layout.ts'
import { LEAF_ROOM_BEFORE } from '../file-leaf.ts'
import type { Slabs } from './slabs.ts'

/** So much is read in one go where it is copied. */
const READ_BYTES = 1024 * 1024
/** So many chunks are being read while one is hashed, of a file that has to be waited for. */
const READS_AHEAD = 3
/** How soon so many bytes are there when the system has them in memory, even while other programs want the processor. */
const PROMPT_BYTES = 4 * 1024 * 1024
const PROMPT_MS = 60
/** After so many bytes that had to be waited for it is seen whether the next ones come promptly. */
const WAITED_BYTES = 32 * 1024 * 1024

/** Yields a file in pieces that are used again, the next one being read while one is in use. */
export async function* readPieces(reader: FileReader): AsyncGenerator<Uint8Array> {
  let [piece, other] = [new Uint8Array(READ_BYTES), new Uint8Array(READ_BYTES)]
  let next = quietly(reader.read(piece, 0))
  for (let position = 0; ; ) {
    const length = await next
    if (length === 0) return
    position += length
    next = quietly(reader.read(other, position))
    yield piece.subarray(0, length)
    const last = piece
    piece = other
    other = last
  }
}

/** A failure is met when the promise is awaited in its turn: until then it does not count as unhandled. */
function quietly(reading: Promise<number>): Promise<number> {
  reading.catch(() => undefined)
  return reading
}

/** What came of a file. */
export interface MadeFile {
  part: FilePart | undefined
  bytes: number
}

export interface InPlaceOptions extends Waiting {
  readonly format: FileFormat
  readonly slabs?: Slabs | undefined
  readonly made: MadeFile
}

/**
 * Makes the DAG of a file that is open, in chunks of one size, without copying a byte: it is read to where its blocks
 * are written from. Yields the bytes that are done, and leaves the root in `made`; none of a file without bytes.
 */
export async function* importInPlace(
  blocks: Pick<Blocks, 'put'>,
  reader: FileReader,
  { format, slabs, made, signal }: InPlaceOptions,
): AsyncGenerator<number> {
  if (slabs === undefined) throw new Error('a file is read in place where there are slabs')
  const { chunkBytes } = slabs
  const builder = fileBuilder(blocks, format)
  const breath = new Breath()
  const ahead = new ChunkReader(reader, slabs)
  for (let isEnd = false; !isEnd; ) {
    const { slab, length: reading } = ahead.next()
    const length = typeof reading === 'number' ? reading : await reading
    // Once the end was met nothing more is read: not what was appended since, either.
    isEnd = length < chunkBytes
    if (length > 0) {
      await builder.add(await putLeafInPlace(blocks, slab, length, format, () => slabs.giveBack(slab)))
      made.bytes += length
      yield made.bytes
      if (breath.due) await breath.take(signal)
    }
  }
  made.part = await builder.finish()
}

interface Reading {
  readonly slab: Uint8Array
  readonly length: number | Promise<number>
}

/**
 * Reads chunk after chunk: on this thread while the bytes come promptly, since each turn of the thread pool costs two
 * threads their wake-up; ahead in the pool from where they do not.
 */
class ChunkReader {
  readonly #reader: FileReader
  readonly #slabs: Slabs
  readonly #ahead: Reading[] = []
  #position = 0
  /** Reading on this thread: the bytes and the time since it was last judged. */
  #bytes = 0
  #ms = 0
  /** So many bytes are read in the pool yet. */
  #bytesInPool = 0

  constructor(reader: FileReader, slabs: Slabs) {
    this.#reader = reader
    this.#slabs = slabs
  }

  next(): Reading {
    const { readHere } = this.#reader
    if (readHere !== undefined && this.#bytesInPool <= 0) return this.#ahead.shift() ?? this.#readHere(readHere)
    while (this.#ahead.length <= READS_AHEAD) {
      const { slab, target } = this.#take()
      this.#ahead.push({ slab, length: quietly(this.#reader.read(target, this.#position)) })
      this.#position += target.length
      this.#bytesInPool -= target.length
    }
    const reading = this.#ahead.shift()
    if (reading === undefined) throw new Error('nothing is being read')
    return reading
  }

  #readHere(readHere: NonNullable<FileReader['readHere']>): Reading {
    const { slab, target } = this.#take()
    const begin = performance.now()
    const length = readHere(target, this.#position)
    this.#position += length
    this.#ms += performance.now() - begin
    this.#bytes += length
    if (this.#bytes >= PROMPT_BYTES) {
      if (this.#ms > PROMPT_MS) this.#bytesInPool = WAITED_BYTES
      this.#ms = 0
      this.#bytes = 0
    }
    return { slab, length }
  }

  #take(): { readonly slab: Uint8Array; readonly target: Uint8Array } {
    const slab = this.#slabs.take()
    return { slab, target: slab.subarray(LEAF_ROOM_BEFORE, LEAF_ROOM_BEFORE + this.#slabs.chunkBytes) }
  }
}
