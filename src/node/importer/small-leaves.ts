import { LEAF_ROOM_BEFORE, LEAF_ROOM_BEHIND } from '../file-leaf.ts'

const PAGE_BYTES = 1024 * 1024
/** What is larger has memory of its own. */
export const SMALL_BYTES_MAX: number = 512 * 1024

/** Memory that is shared by small files and leaves, one behind the other. */
interface Page {
  readonly bytes: Uint8Array
  used: number
  /** Files in it that are not written yet. */
  files: number
}

/** Room for one small file. */
export interface SmallPlace {
  /** Memory with room before and behind the data, of which the file may take so many as were asked for. */
  readonly bytes: Uint8Array
  /** Where the data go: longer by one byte, so that the end of the file is seen. */
  readonly target: Uint8Array
  /** Says that the memory may be used again. */
  readonly release: () => void
}

/**
 * Memory for files that are a leaf each, and for leaves of any size. Like slabs (`slabs.ts`) it is used again once the store has written what lies in
 * it: thousands of small files make no garbage, which would be collected long after the memory was needed.
 */
export class SmallLeaves {
  readonly #free: Page[] = []
  #page: Page = { bytes: new Uint8Array(0), used: 0, files: 0 }

  take(length: number): SmallPlace {
    const needed = LEAF_ROOM_BEFORE + length + LEAF_ROOM_BEHIND
    if (this.#page.used + needed > this.#page.bytes.length) this.#page = this.#nextPage()
    const page = this.#page
    const start = page.used
    page.used += needed
    page.files += 1
    const bytes = page.bytes.subarray(start, start + needed)
    return {
      bytes,
      target: bytes.subarray(LEAF_ROOM_BEFORE, LEAF_ROOM_BEFORE + length + 1),
      release: () => this.#release(page),
    }
  }

  #nextPage(): Page {
    if (this.#page.files === 0 && this.#page.bytes.length > 0) {
      this.#page.used = 0
      return this.#page
    }
    return this.#free.pop() ?? { bytes: new Uint8Array(PAGE_BYTES), used: 0, files: 0 }
  }

  #release(page: Page): void {
    page.files -= 1
    if (page.files > 0 || page === this.#page) return
    page.used = 0
    this.#free.push(page)
  }
}
