/** Bytes of one piece: blocks that lie one behind another are read together, up to so many. */
export const READ_MEMORY_BYTES = 1024 * 1024

/**
 * Memory for a reader that looks at its bytes one piece after another, used again and again: fresh memory costs more than
 * the copy into it. The reader says which pieces it has handed on; what was given back rests until its consumer is done.
 */
export class ReadMemory {
  readonly #held: number
  readonly #resting: { readonly bytes: Uint8Array; readonly until: number }[] = []
  #handed = 0

  /** `held` pieces, the last ones, are what a consumer looks at while it asks for another. */
  constructor(held: number) {
    this.#held = held
  }

  /** Says that the next piece is handed on. */
  hand(): void {
    this.#handed += 1
  }

  /** Returns memory of `READ_MEMORY_BYTES` that nobody looks at. */
  take(): Uint8Array {
    const [first] = this.#resting
    // No Buffer: `slice` of one is no copy. Not zeroed first, since the read fills it.
    if (first === undefined || first.until > this.#handed) {
      return new Uint8Array(Buffer.allocUnsafeSlow(READ_MEMORY_BYTES).buffer)
    }
    this.#resting.shift()
    return first.bytes
  }

  /** Takes memory back, of which at most the piece that is handed on next is looked at. */
  give(bytes: Uint8Array): void {
    this.#resting.push({ bytes, until: this.#handed + this.#held })
  }
}
