import type { FileReader } from '../contract/source.ts'

/**
 * A file is read in pieces of this size, until it is known that its sections are large: with small ones the thread would be
 * busy for long before the next read, and what was left behind be collected late.
 */
const PIECE_BYTES = 256 * 1024
/** Pieces of large sections are as long as so many of them as fit: four of the default size. */
const LARGE_PIECE_BYTES_MAX = 1024 * 1024 + 4096
/**
 * A piece begins in its memory as far behind the beginning of a page as in the file: to where pages do not lie alike the
 * system copies more slowly, on some processors several times.
 */
const PAGE_BYTES = 4096
/** Memory for blocks that lie across two pieces comes in multiples of this, so that it fits the next one too. */
const JOINT_BYTES = 64 * 1024

/** A file up to this size is not worth memory of its own. */
export const PIECES_FILE_BYTES_MIN: number = 4 * 1024 * 1024

interface Piece {
  /** The whole memory. */
  readonly bytes: Uint8Array
  readonly isJoint: boolean
  users: number
}

/**
 * Reads a file into memory that is used again as soon as nobody needs what lies there: a file of any size takes no more
 * memory than is on its way to the disk.
 */
export class CarPieces {
  readonly #free: Uint8Array[] = []
  readonly #freeJoints: Uint8Array[] = []
  readonly #used = new Map<ArrayBufferLike, Piece>()
  /** Where the last large section ends, and how long it is. */
  #section: { readonly end: number; readonly length: number } | undefined

  /** Yields the file. What was yielded may change when the next piece is asked for, unless `hold` was called before. */
  async *read(file: FileReader): AsyncGenerator<Uint8Array> {
    let position = 0
    let next = this.#begin(file, position)
    for (;;) {
      const { piece, target, length } = await next
      position += length
      const isLast = length < target.length
      if (!isLast) {
        next = this.#begin(file, position)
        // It is met when the next piece is asked for.
        next.catch(() => undefined)
      }
      if (length > 0) yield target.subarray(0, length)
      this.#leave(piece)
      if (isLast) return
    }
  }

  /** Says where a section that is not copied ends, and how long it is, what stands before it included. */
  sectionEnds(end: number, length: number): void {
    this.#section = { end, length }
  }

  /** Returns memory for what lies across two pieces. It is used again when it was held and is not any more. */
  joint(length: number): Uint8Array {
    const nth = this.#freeJoints.findIndex(bytes => bytes.length >= length)
    const [free] = nth < 0 ? [] : this.#freeJoints.splice(nth, 1)
    const bytes = free ?? new Uint8Array(Math.ceil(length / JOINT_BYTES) * JOINT_BYTES)
    this.#used.set(bytes.buffer, { bytes, isJoint: true, users: 0 })
    return bytes.subarray(0, length)
  }

  /** Keeps the memory of bytes that lie in a piece until what it returns is called; undefined when they lie elsewhere. */
  hold(bytes: Uint8Array): (() => void) | undefined {
    const piece = this.#used.get(bytes.buffer)
    if (piece === undefined) return undefined
    piece.users += 1
    let isHeld = true
    return () => {
      if (isHeld) this.#leave(piece)
      isHeld = false
    }
  }

  async #begin(file: FileReader, position: number): Promise<{ piece: Piece; target: Uint8Array; length: number }> {
    const length = this.#lengthAt(position)
    const start = position % PAGE_BYTES
    let bytes = this.#free.pop()
    if (bytes === undefined || bytes.length < start + length) {
      bytes = new Uint8Array((length > PIECE_BYTES ? LARGE_PIECE_BYTES_MAX : PIECE_BYTES) + PAGE_BYTES)
    }
    const piece = { bytes, isJoint: false, users: 1 }
    this.#used.set(bytes.buffer, piece)
    const target = bytes.subarray(start, start + length)
    return { piece, target, length: await file.read(target, position) }
  }

  /** Returns how long the piece there is to be: as far as a section ends, if those that follow are as long as the last one. */
  #lengthAt(position: number): number {
    if (this.#section === undefined) return PIECE_BYTES
    const { end, length } = this.#section
    const last = end + Math.floor((position + LARGE_PIECE_BYTES_MAX - end) / length) * length
    return last > position ? last - position : PIECE_BYTES
  }

  #leave(piece: Piece): void {
    piece.users -= 1
    if (piece.users > 0) return
    this.#used.delete(piece.bytes.buffer)
    if (piece.isJoint) this.#freeJoints.push(piece.bytes)
    else this.#free.push(piece.bytes)
  }
}
