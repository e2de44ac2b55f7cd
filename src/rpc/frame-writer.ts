/** What frames are written to: a socket, or what is like one. */
export interface FrameTarget {
  readonly destroyed: boolean
  /** `taken` is called when the bytes were handed on. */
  write(bytes: Uint8Array, taken: () => void): unknown
  end(): unknown
}

/** Pieces below this size are put together. */
const PIECE_BYTES = 32 * 1024
/** A connection that has carried nothing for so long is at rest. */
const REST_MS = 1

/**
 * Writes frames to a connection: those of one turn together, small pieces in one. The next piece is written when the
 * last was taken: a stream that holds several copies them together.
 */
export class FrameWriter {
  readonly #socket: FrameTarget
  readonly #pieces: Uint8Array[] = []
  #bytes = 0
  #isScheduled = false
  #isEnding = false
  #wroteAt = 0
  readonly #emptied: () => void

  /** `emptied` is called when all that waited was taken. */
  constructor(socket: FrameTarget, emptied: () => void = () => undefined) {
    this.#socket = socket
    this.#emptied = emptied
  }

  /** How many bytes wait to be taken. */
  get backlogBytes(): number {
    return this.#bytes
  }

  write(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      if (piece.length === 0) continue
      this.#pieces.push(piece)
      this.#bytes += piece.length
    }
    if (this.#isScheduled) return
    this.#isScheduled = true
    // What comes after a rest is likely all there is, and somebody waits for it.
    ;(performance.now() - this.#wroteAt > REST_MS ? queueMicrotask : setImmediate)(this.#writeNext)
  }

  readonly #writeNext = (): void => {
    const next = this.#socket.destroyed ? undefined : this.#take()
    if (next !== undefined) {
      this.#wroteAt = performance.now()
      this.#socket.write(next, () => {
        this.#bytes -= next.length
        this.#writeNext()
      })
      return
    }
    this.#isScheduled = false
    if (this.#isEnding) this.#socket.end()
    this.#emptied()
  }

  /** Returns a large piece, or all the small ones in front. */
  #take(): Uint8Array | undefined {
    let count = 0
    let bytes = 0
    for (const piece of this.#pieces) {
      if (count > 0 && (piece.length >= PIECE_BYTES || bytes >= PIECE_BYTES)) break
      count += 1
      bytes += piece.length
    }
    const some = this.#pieces.splice(0, count)
    return some.length <= 1 ? some[0] : Buffer.concat(some)
  }

  /** Says that nothing follows what was written. */
  end(): void {
    this.#isEnding = true
    if (!this.#isScheduled) this.#socket.end()
  }
}
