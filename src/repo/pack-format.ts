/**
 * The bytes of a pack: an ordinary CARv1 without roots.
 * https://ipld.io/specs/transport/car/carv1/
 */
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'

const RAW = 0x55

/** The varint 17, then the dag-cbor `{"roots": [], "version": 1}`. */
export const PACK_HEADER: Uint8Array = Uint8Array.of(
  ...[0x11, 0xa2, 0x65, 0x72, 0x6f, 0x6f, 0x74, 0x73, 0x80],
  ...[0x67, 0x76, 0x65, 0x72, 0x73, 0x69, 0x6f, 0x6e, 0x01],
)

/** Returns how many bytes a number takes as an unsigned varint. */
export function varintLength(value: number): number {
  let length = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++
  return length
}

/** Writes an unsigned varint at `at` and returns the place behind it. */
export function writeVarint(target: Uint8Array, at: number, value: number): number {
  let rest = value
  let place = at
  while (rest >= 0x80) {
    target[place++] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  target[place++] = rest
  return place
}

/** Reads an unsigned varint of at most 8 bytes; undefined when the bytes end before it does. */
export function readVarint(bytes: Uint8Array, at: number): { value: number; next: number } | undefined {
  let value = 0
  let factor = 1
  for (let place = at; place < bytes.length && place < at + 8; place++) {
    const byte = bytes[place] ?? 0
    value += (byte & 0x7f) * factor
    if (byte < 0x80) return { value, next: place + 1 }
    factor *= 0x80
  }
  return undefined
}

/** Returns how many bytes stand before the data of a section. */
export function sectionHeadLength(cid: CID, length: number): number {
  return varintLength(cid.bytes.length + length) + cid.bytes.length
}

/** Writes what stands before the data of a section, and returns the place behind it. */
export function writeSectionHead(target: Uint8Array, at: number, cid: CID, length: number): number {
  const place = writeVarint(target, at, cid.bytes.length + length)
  target.set(cid.bytes, place)
  return place + cid.bytes.length
}

/** A section begins at most so many bytes before its data. */
export const SECTION_HEAD_BYTES_MAX = 8 + 12 + 136

/**
 * Returns the CID that stands before the data of a section, of which the multihash is known; the raw CIDv1 when what
 * stands there makes no sense.
 */
export function recoverCid(before: Uint8Array, hash: Uint8Array, length: number): CID {
  const start = before.length - hash.length
  for (let prefix = 0; prefix <= start && prefix <= 12; prefix++) {
    const bytes = before.subarray(start - prefix)
    const total = new Uint8Array(varintLength(bytes.length + length))
    writeVarint(total, 0, bytes.length + length)
    const head = before.subarray(start - prefix - total.length, start - prefix)
    if (prefix === 1 || start - prefix < total.length || Buffer.compare(head, total) !== 0) continue
    try {
      const cid = CID.decode(bytes)
      if (Buffer.compare(cid.multihash.bytes, hash) === 0) return cid
    } catch {
      // Not a CID: the bytes before it only looked like a length.
    }
  }
  return CID.createV1(RAW, Digest.decode(hash))
}
