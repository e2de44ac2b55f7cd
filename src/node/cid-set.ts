import type { CID } from 'multiformats/cid'
import { keyOf } from '../repo/blocks.ts'
import { random32 } from '../repo/random.ts'

const SLOTS_MIN = 1024
/** The table grows when it is fuller than this. */
const LOAD_MAX = 0.6
const CHUNK_BYTES = 256 * 1024
/** The length of an entry is one byte. Longer CIDs, which hold data in place of a hash, are rare. */
const ENTRY_BYTES_MAX = 255

/**
 * A set of CIDs that keeps their bytes one behind another, outside of the heap: a third of what strings in a `Set` take, and
 * nothing that a collector has to look at. It is exact, unlike `HashSet`.
 */
export class CidSet {
  readonly #bytesOf: (cid: CID) => Uint8Array
  /** Where the entry of a slot begins, and 1; 0 in an empty slot. */
  #slots = new Uint32Array(SLOTS_MIN)
  readonly #chunks: Uint8Array[] = []
  /** Where the next entry goes. No entry lies across two chunks. */
  #end = 0
  #count = 0
  readonly #long = new Set<string>()
  /** Whoever chooses CIDs must not be able to choose their slots. */
  readonly #seed = random32()

  /** `bytesOf` says what tells CIDs apart: `visitBytes`, or `exactBytes`. */
  constructor(bytesOf: (cid: CID) => Uint8Array) {
    this.#bytesOf = bytesOf
  }

  get size(): number {
    return this.#count + this.#long.size
  }

  has(cid: CID): boolean {
    const bytes = this.#bytesOf(cid)
    if (bytes.length > ENTRY_BYTES_MAX) return this.#long.has(keyOf(bytes))
    return this.#slots[this.#slotOf(bytes, 0, bytes.length)] !== 0
  }

  /** Adds a CID; returns false when it was there. */
  add(cid: CID): boolean {
    const bytes = this.#bytesOf(cid)
    if (bytes.length > ENTRY_BYTES_MAX) {
      const before = this.#long.size
      return this.#long.add(keyOf(bytes)).size > before
    }
    const slot = this.#slotOf(bytes, 0, bytes.length)
    if (this.#slots[slot] !== 0) return false
    this.#slots[slot] = this.#append(bytes) + 1
    this.#count += 1
    if (this.#count > this.#slots.length * LOAD_MAX) this.#grow()
    return true
  }

  #append(bytes: Uint8Array): number {
    if (this.#end + 1 + bytes.length > this.#chunks.length * CHUNK_BYTES) {
      this.#end = this.#chunks.length * CHUNK_BYTES
      this.#chunks.push(new Uint8Array(CHUNK_BYTES))
    }
    const place = this.#end
    const chunk = this.#chunks.at(-1) ?? new Uint8Array(0)
    chunk[place % CHUNK_BYTES] = bytes.length
    chunk.set(bytes, (place % CHUNK_BYTES) + 1)
    this.#end += 1 + bytes.length
    return place
  }

  /** Returns the slot of an entry, or the empty one where it belongs. */
  #slotOf(bytes: Uint8Array, from: number, length: number): number {
    const mask = this.#slots.length - 1
    let slot = this.#hash(bytes, from, length) & mask
    for (;;) {
      const place = this.#slots[slot] ?? 0
      if (place === 0 || this.#isAt(place - 1, bytes, from, length)) return slot
      slot = (slot + 1) & mask
    }
  }

  #isAt(place: number, bytes: Uint8Array, from: number, length: number): boolean {
    const chunk = this.#chunks[Math.floor(place / CHUNK_BYTES)]
    const at = place % CHUNK_BYTES
    if (chunk === undefined || chunk[at] !== length) return false
    // What differs mostly differs at the end: CIDs begin alike.
    for (let nth = length - 1; nth >= 0; nth--) if (chunk[at + 1 + nth] !== bytes[from + nth]) return false
    return true
  }

  #hash(bytes: Uint8Array, from: number, length: number): number {
    let hash = this.#seed
    for (let at = from + length - 1; at >= from; at--) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193)
    return (hash ^ (hash >>> 15)) >>> 0
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Uint32Array(old.length * 2)
    for (const place of old) {
      const chunk = place === 0 ? undefined : this.#chunks[Math.floor((place - 1) / CHUNK_BYTES)]
      if (chunk === undefined) continue
      const at = (place - 1) % CHUNK_BYTES
      this.#slots[this.#slotOf(chunk, at + 1, chunk[at] ?? 0)] = place
    }
  }
}
