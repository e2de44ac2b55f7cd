import type { Socket } from 'node:net'

/** Pieces below this size are put together. */
const PIECE_BYTES = 32 * 1024

/** Writes frames to a connection: those of one turn together, small pieces in one. */
export class FrameWriter {
  readonly #socket: Socket
  #pieces: Uint8Array[] = []
  #isScheduled = false

  constructor(socket: Socket) {
    this.#socket = socket
  }

  write(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) if (piece.length > 0) this.#pieces.push(piece)
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#flush())
  }

  #flush(): void {
    this.#isScheduled = false
    const pieces = this.#pieces
    this.#pieces = []
    if (this.#socket.destroyed) return
    let small: Uint8Array[] = []
    for (const piece of pieces) {
      if (piece.length < PIECE_BYTES) {
        small.push(piece)
        continue
      }
      this.#writeAll(small)
      small = []
      this.#socket.write(piece)
    }
    this.#writeAll(small)
  }

  #writeAll(pieces: readonly Uint8Array[]): void {
    const [first] = pieces
    if (first === undefined) return
    this.#socket.write(pieces.length === 1 ? first : Buffer.concat(pieces))
  }

  /** Writes what is left, and says that nothing follows. */
  end(): void {
    this.#flush()
    this.#socket.end()
  }
}
