import { toArrayBufferBackedArray } from 'multiformats/bytes'
import { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import { nameToBytes } from '../contract/surrogate-escape.ts'

/**
 * A value of the IPLD data model. Integers are bigints and floats are numbers, so that `1` and `1.0` stay what they
 * are; strings are surrogate-escaped (`contract/surrogate-escape.ts`); maps keep the order of their keys, and
 * `__proto__` is a key like any other.
 */
export type DagValue = null | boolean | bigint | number | string | Uint8Array | CID | DagValue[] | DagMap

/** A map of the IPLD data model. */
export type DagMap = Map<string, DagValue>

/** A link of a block, with its name and size where the codec has them. */
export interface Link {
  readonly name: string
  readonly cid: CID
  readonly size?: number
}

/** How deep lists and maps may lie in each other, as in the reference implementation. */
export const DEPTH_MAX = 1024
/** The largest dag-cbor or dag-json object that is read. */
export const NODE_BYTES_MAX = 10 * 1024 * 1024

/** Returns the failure of a block or text that its codec does not allow. */
export function malformed(codec: string, cause: string): Failure {
  return new Failure('failed', `malformed ${codec}: ${cause}`)
}

/** Returns true for a CID, and narrows a value of the data model to it. */
export function isLink(value: DagValue): value is CID {
  return value instanceof CID
}

/**
 * Returns the CID that `bytes` hold from `start` to `end`, no more and no less. The CID has its own copy: it keeps no
 * block in memory. Throws an Error whose message names the cause.
 */
export function cidFromBytes(bytes: Uint8Array, start: number, end: number): CID {
  const own = bytes.slice(start, end)
  const plain = plainCid(own)
  if (plain !== undefined) return plain
  if (own[0] === 0x12) throw new Error('invalid CIDv0')
  return CID.decode(own)
}

/**
 * Returns the CID that `bytes` are, as a view of them, when it has one of the two forms that nearly all have; else
 * undefined. That spares the detours of a decoder for all, and half of the memory.
 */
export function plainCid(bytes: Uint8Array): CID | undefined {
  const [version = 0, codec = 0, hash = 0, size = 0] = bytes
  if (version === 1 && codec < 0x80 && hash < 0x80 && size < 0x80 && bytes.length === size + 4) {
    return new CID(1, codec, new PlainDigest(bytes.subarray(2)), bytes)
  }
  if (version === 0x12 && codec === 0x20 && bytes.length === 34) return new CID(0, 0x70, new PlainDigest(bytes), bytes)
  return undefined
}

/** A multihash whose code and size take a byte each. Its digest, which hardly anybody asks for, is not kept. */
class PlainDigest {
  readonly code: number
  readonly size: number
  readonly bytes: Uint8Array<ArrayBuffer>

  constructor(bytes: Uint8Array) {
    this.code = bytes[0] ?? 0
    this.size = bytes[1] ?? 0
    this.bytes = toArrayBufferBackedArray(bytes)
  }

  get digest(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(2)
  }
}

const NOT_ASCII = /[^\0-\x7f]/

/** Orders keys by their UTF-8 bytes. */
export function compareKeys(one: string, other: string): number {
  if (NOT_ASCII.test(one) || NOT_ASCII.test(other)) return Buffer.compare(nameToBytes(one), nameToBytes(other))
  return one < other ? -1 : one > other ? 1 : 0
}
