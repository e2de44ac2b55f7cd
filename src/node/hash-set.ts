const SLOTS_MIN = 1024
/** The table grows when it is fuller than this. */
const LOAD_MAX = 0.6

/**
 * A set of multihashes that keeps eight bytes of each, so that millions fit in little memory. It never denies what
 * was added; once in 2^64 it affirms what was not.
 */
export class HashSet {
  /** Two words for each slot; both are 0 in an empty one. */
  #words = new Uint32Array(2 * SLOTS_MIN)
  #size = 0

  /** Hashes that were added, counting those that look alike once. */
  get size(): number {
    return this.#size
  }

  /** Adds a multihash; returns false when it was there. */
  add(multihash: Uint8Array): boolean {
    const [high, low] = wordsOf(multihash)
    if (!this.#insert(high, low)) return false
    this.#size++
    if (this.#size * 2 > this.#words.length * LOAD_MAX) this.#grow()
    return true
  }

  has(multihash: Uint8Array): boolean {
    const [high, low] = wordsOf(multihash)
    return this.#words[this.#slotOf(high, low)] !== 0 || this.#words[this.#slotOf(high, low) + 1] !== 0
  }

  #insert(high: number, low: number): boolean {
    const at = this.#slotOf(high, low)
    if (this.#words[at] !== 0 || this.#words[at + 1] !== 0) return false
    this.#words[at] = high
    this.#words[at + 1] = low
    return true
  }

  /** Returns the place of a hash, or the empty one where it belongs. */
  #slotOf(high: number, low: number): number {
    const words = this.#words
    const mask = words.length - 1
    let at = ((low ^ (high >>> 7)) * 2) & mask
    while ((words[at] !== 0 || words[at + 1] !== 0) && (words[at] !== high || words[at + 1] !== low))
      at = (at + 2) & mask
    return at
  }

  #grow(): void {
    const old = this.#words
    this.#words = new Uint32Array(old.length * 2)
    for (let at = 0; at < old.length; at += 2) {
      const high = old[at] ?? 0
      const low = old[at + 1] ?? 0
      if (high !== 0 || low !== 0) this.#insert(high, low)
    }
  }
}

/** Returns the last eight bytes of a multihash as two words, never both 0. */
function wordsOf(multihash: Uint8Array): [number, number] {
  let high = 0
  let low = 0
  const end = multihash.length
  for (let at = Math.max(0, end - 8); at < end; at++) {
    high = ((high << 8) | (low >>> 24)) >>> 0
    low = ((low << 8) | (multihash[at] ?? 0)) >>> 0
  }
  return high === 0 && low === 0 ? [0, 1] : [high, low]
}
