import { createHash } from 'node:crypto'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { type MultihashDigest, SHA2_256 } from '../../hash.ts'
import { CID_BYTES_MAX } from './limits.ts'

/** Returns a text that is the same for all CIDs that name the same block. */
export function keyOf(cid: CID): string {
  return keyOfHash(cid.multihash.bytes)
}

/** Returns the text for a multihash. */
export function keyOfHash(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

/** Returns the CID in `bytes`, which are copied; undefined when it is none, or one that is too long. */
export function readCid(bytes: Uint8Array): CID | undefined {
  if (bytes.length === 0 || bytes.length > CID_BYTES_MAX) return undefined
  try {
    return CID.decode(Uint8Array.prototype.slice.call(bytes))
  } catch {
    return undefined // Whoever sent it learns nothing of it, as from the reference implementation.
  }
}

/** What a CID says but for the digest. */
export interface Prefix {
  readonly version: number
  readonly codec: number
  readonly hash: number
  /** Bytes of the digest. */
  readonly length: number
}

/** CIDv0: dag-pb and sha2-256. */
export const PREFIX_V0: Prefix = { version: 0, codec: 0x70, hash: SHA2_256, length: 32 }

/** Returns the prefix in `bytes`; undefined when it is none. */
export function readPrefix(bytes: Uint8Array): Prefix | undefined {
  const numbers: number[] = []
  let value = 0
  let factor = 1
  for (const byte of bytes) {
    value += (byte & 0x7f) * factor
    factor *= 0x80
    if (byte >= 0x80) continue
    numbers.push(value)
    value = 0
    factor = 1
  }
  const [version, codec, hash, length] = numbers
  if (numbers.length !== 4 || factor !== 1 || version === undefined || version > 1) return undefined
  if (codec === undefined || hash === undefined || length === undefined) return undefined
  return { version, codec, hash, length }
}

/** Returns the prefix of a CID as bytes. */
export function prefixOf(cid: CID): Uint8Array {
  const bytes: number[] = []
  for (const value of [cid.version, cid.code, cid.multihash.code, cid.multihash.size]) {
    let rest = value
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80)
    bytes.push(rest)
  }
  return Uint8Array.from(bytes)
}

/** Returns the multihash of a block. Rejects hash functions that are refused. */
export async function hashBlock(prefix: Prefix, data: Uint8Array): Promise<MultihashDigest> {
  // On this thread: the thread pool would have to be given a copy, and other processes need its cores.
  if (prefix.hash === SHA2_256 && prefix.length === 32) {
    return createDigest(SHA2_256, createHash('sha256').update(data).digest())
  }
  const { digest } = await import('../../hash.ts')
  return await digest(prefix.hash, data, prefix.length)
}
