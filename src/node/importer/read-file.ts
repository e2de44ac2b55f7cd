import type { FileReader } from '../../contract/source.ts'
import { Breath } from '../../repo/pause.ts'
import type { Blocks, Waiting } from '../../repo/roles.ts'
import { type FileFormat, type FilePart, fileBuilder, putLeafInPlace } from '../file-layout.ts'
import { LEAF_ROOM_BEFORE } from '../file-leaf.ts'
import type { Slabs } from './slabs.ts'

/** So much is read in one go where it is copied. */
const READ_BYTES = 1024 * 1024
/** So many chunks are being read while one is hashed. */
const READS_AHEAD = 3

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
  let position = 0
  const readNext = (): { readonly slab: Uint8Array; readonly length: Promise<number> } => {
    const slab = slabs.take()
    const target = slab.subarray(LEAF_ROOM_BEFORE, LEAF_ROOM_BEFORE + chunkBytes)
    const length = quietly(reader.read(target, position))
    position += chunkBytes
    return { slab, length }
  }
  const readings = Array.from({ length: READS_AHEAD }, readNext)
  for (let reading = readings.shift(); reading !== undefined; reading = readings.shift()) {
    const { slab } = reading
    const length = await reading.length
    // Once the end was met nothing more is read: not what was appended since, either.
    const isEnd = length < chunkBytes
    if (!isEnd) readings.push(readNext())
    if (length > 0) {
      await builder.add(await putLeafInPlace(blocks, slab, length, format, () => slabs.giveBack(slab)))
      made.bytes += length
      yield made.bytes
      if (breath.due) await breath.take(signal)
    }
    if (isEnd) break
  }
  made.part = await builder.finish()
}
