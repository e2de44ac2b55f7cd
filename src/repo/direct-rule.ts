/** Blocks that come in batches of this size at least, one after another, are part of something large. */
const LARGE_BATCH_BYTES = 512 * 1024
/** So much of something large is left in the cache: what is smaller is soon read again, and costs little. */
const CACHED_BYTES = 16 * 1024 * 1024
/** So many writes are timed before the disk is taken to be slow, or busy, for now. */
const TIMED_WRITES_MAX = 3
/** Smaller writes say little of how fast a disk is. */
const TIMED_BYTES_MIN = 256 * 1024
/** What is not in the cache should be read about as fast as it can be hashed. No disk behind SATA comes to that. */
const FAST_BYTES_PER_MS = 600_000

/**
 * Says what is written around the page cache: the rest of something large, where the disk is so fast that who reads it next
 * will hardly miss the cache.
 */
export class DirectRule {
  /** Bytes of large batches that have come one after another. */
  #bytesInRow = 0
  /** Where in that row the disk is tried. */
  #tryAt = CACHED_BYTES
  #slowWrites = 0
  #isFast = false

  /** Counts a batch of blocks, and returns true when it should go around the cache. */
  takes(bytes: number): boolean {
    if (bytes < LARGE_BATCH_BYTES) {
      this.#bytesInRow = 0
      this.#tryAt = CACHED_BYTES
      this.#slowWrites = 0
      this.#isFast = false
      return false
    }
    this.#bytesInRow += bytes
    return this.#isFast || this.#bytesInRow > this.#tryAt
  }

  /** True while writes should be timed, with nothing else going on in this process. */
  get asksTime(): boolean {
    return !this.#isFast && this.#bytesInRow > this.#tryAt
  }

  /** Takes note of a write around the cache. The fastest one counts: what else the disk had to do meanwhile is not its fault. */
  wrote(bytes: number, ms: number): void {
    if (bytes < TIMED_BYTES_MIN) return
    this.#isFast = bytes >= ms * FAST_BYTES_PER_MS
    if (this.#isFast || ++this.#slowWrites < TIMED_WRITES_MAX) return
    this.#slowWrites = 0
    this.#tryAt = this.#bytesInRow * 2
  }
}
