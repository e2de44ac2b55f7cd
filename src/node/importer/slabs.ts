import { LEAF_ROOM_BEFORE, LEAF_ROOM_BEHIND } from '../file-leaf.ts'

/** Chunks below this size are not worth memory of their own. */
export const SLAB_BYTES_MIN: number = 16 * 1024

/**
 * Memory for leaves of one size: each slab has room for the data, and for what stands around them in the block. Slabs are
 * used again when the store has written them: a large file takes no more memory, and touches no more of it, than is on
 * its way to the disk.
 */
export class Slabs {
  readonly chunkBytes: number
  readonly #free: Uint8Array[] = []

  constructor(chunkBytes: number) {
    this.chunkBytes = chunkBytes
  }

  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(LEAF_ROOM_BEFORE + this.chunkBytes + LEAF_ROOM_BEHIND)
  }

  giveBack(slab: Uint8Array): void {
    this.#free.push(slab)
  }
}
