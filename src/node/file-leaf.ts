import { varintLength, writeVarint } from './dag-pb.ts'

/**
 * Room for what the block of a leaf has in front of its data, and behind it: no more than 16 and 8 bytes, for data below
 * 2 GiB. The data lie 64 bytes into a slab, which begins with a page: a read to less than 32 bytes behind the beginning of a
 * page takes three times as long, since the processor takes each byte for one that it has just written.
 */
export const LEAF_ROOM_BEFORE = 64
export const LEAF_ROOM_BEHIND = 8

/** What a leaf in dag-pb says of its type. */
export type LeafType = 'file' | 'raw'

/** Returns the block of a leaf without metadata: a dag-pb node with a UnixFS node with the data. */
export function encodeLeaf(type: LeafType, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(LEAF_ROOM_BEFORE + data.length + LEAF_ROOM_BEHIND)
  bytes.set(data, LEAF_ROOM_BEFORE)
  return encodeLeafAround(type, bytes, data.length)
}

/** Makes the block of a leaf around its data, which lie behind the room that it needs. Returns a view of `bytes`. */
export function encodeLeafAround(type: LeafType, bytes: Uint8Array, length: number): Uint8Array {
  // As Kubo encodes it: a leaf without data has no field for them.
  const field = length === 0 ? 0 : 1 + varintLength(length)
  const inner = 2 + field + length + 1 + varintLength(length)
  const start = LEAF_ROOM_BEFORE - field - 2 - varintLength(inner) - 1
  bytes[start] = 0x0a
  let at = writeVarint(bytes, start + 1, inner)
  bytes[at++] = 0x08
  bytes[at++] = type === 'raw' ? 0 : 2
  if (length > 0) {
    bytes[at++] = 0x12
    at = writeVarint(bytes, at, length) + length
  }
  bytes[at++] = 0x18
  return bytes.subarray(start, writeVarint(bytes, at, length))
}
