import type { FileReader } from '../contract/source.ts'

/**
 * A file is read in pieces of this size. Larger ones save copies of blocks that lie across two, but with small blocks the
 * thread would be busy for long before the next read, and what was left behind be collected late.
 */
const PIECE_BYTES = 256 * 1024
/** Memory for blocks that lie across two pieces comes in multiples of this, so that it fits the next one too. */
const JOINT_BYTES = 64 * 1024

/** A file up to this size is not worth memory of its own. */
export const PIECES_FILE_BYTES_MIN: number = 4 * 1024 * 1024

interface Piece {
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

  /** Yields the file. What was yielded may change when the next piece is asked for, unless `hold` was called before. */
  async *read(file: FileReader): AsyncGenerator<Uint8Array> {
    let position = 0
    let next = this.#begin(file, position)
    for (;;) {
      const { piece, length } = await next
      position += length
      const isLast = length < piece.bytes.length
      if (!isLast) {
        next = this.#begin(file, position)
        // It is met when the next piece is asked for.
        next.catch(() => undefined)
      }
      if (length > 0) yield piece.bytes.subarray(0, length)
      this.#leave(piece)
      if (isLast) return
    }
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

  async #begin(file: FileReader, position: number): Promise<{ piece: Piece; length: number }> {
    const piece = { bytes: this.#free.pop() ?? new Uint8Array(PIECE_BYTES), isJoint: false, users: 1 }
    this.#used.set(piece.bytes.buffer, piece)
    return { piece, length: await file.read(piece.bytes, position) }
  }

  #leave(piece: Piece): void {
    piece.users -= 1
    if (piece.users > 0) return
    this.#used.delete(piece.bytes.buffer)
    if (piece.isJoint) this.#freeJoints.push(piece.bytes)
    else this.#free.push(piece.bytes)
  }
}
