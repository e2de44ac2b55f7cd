import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import { createHash, hashInto } from './platform-hash.ts'

/** Checks bytes against a CID whose hash function this module does not know. Throws `data-mismatch`. */
export type CheckOther = (cid: CID, bytes: Uint8Array) => void | Promise<void>

const SHA2_256 = 0x12
/** From this size on the thread pool may hash, beside this thread; below it handing over costs more than the hash. */
const POOL_BYTES_MIN = 32 * 1024
/**
 * So many blocks are hashed in the pool at a time; what comes meanwhile is hashed on this thread, so that both work. The
 * pool has to be given a copy, and reads and writes besides.
 */
const IN_POOL_MAX = 1

/** Hash functions that the platform has, by multihash code. Others are the caller's. */
const PLATFORM: ReadonlyMap<number, string> = new Map([
  [0x11, 'sha1'],
  [SHA2_256, 'sha256'],
  [0x13, 'sha512'],
  [0x14, 'sha3-512'],
  [0x15, 'sha3-384'],
  [0x16, 'sha3-256'],
  [0x17, 'sha3-224'],
  [0x20, 'sha384'],
])

/** Returns the failure of bytes that do not hash to their CID. */
export function mismatchFailure(cid: CID, place: string): Failure {
  return new Failure('data-mismatch', `block ${cid} is damaged: ${place}`, {
    hint: 'find what it breaks with: tsipfs repo verify; add the same data again to heal it',
    data: { cid: cid.toString() },
  })
}

/** Checks that bytes hash to a CID: at once where it can, some in the thread pool when they are many. */
export class Checker {
  readonly #other: CheckOther | undefined
  #inPool = 0
  readonly #sha256 = new Uint8Array(32)

  constructor(other?: CheckOther | undefined) {
    this.#other = other
  }

  /** Returns true when the platform has the hash function, and the digest is as long as digests are. */
  knows(cid: CID): boolean {
    return PLATFORM.has(cid.multihash.code) && cid.multihash.size >= 20 && cid.multihash.size <= 64
  }

  /** Returns whether the bytes hash to the CID; a promise when that takes another thread or a module to load. */
  matches(cid: CID, bytes: Uint8Array): boolean | Promise<boolean> {
    return this.beginInPool(cid, bytes) ?? this.matchesHere(cid, bytes)
  }

  /** Like `matches`, in the thread pool; undefined when it has no room, or that would not pay. */
  beginInPool(cid: CID, bytes: Uint8Array): Promise<boolean> | undefined {
    const isForPool = cid.multihash.code === SHA2_256 && bytes.length >= POOL_BYTES_MIN && this.#inPool < IN_POOL_MAX
    return isForPool ? this.#matchesInPool(cid, bytes) : undefined
  }

  /** Like `matches`, on this thread. */
  matchesHere(cid: CID, bytes: Uint8Array): boolean | Promise<boolean> {
    const { code, digest } = cid.multihash
    if (code === 0) return equalBytes(digest, bytes)
    if (code === SHA2_256) {
      // To the same memory each time: of small blocks a hash object for each would be most of the garbage.
      hashInto('sha256', bytes, this.#sha256)
      return beginsWith(this.#sha256, digest)
    }
    const name = PLATFORM.get(code)
    if (name === undefined) return this.#ask(cid, bytes)
    return beginsWith(createHash(name).update(bytes).digest(), digest)
  }

  async #matchesInPool(cid: CID, bytes: Uint8Array): Promise<boolean> {
    this.#inPool++
    try {
      return await matchesInPool(cid, bytes)
    } finally {
      this.#inPool--
    }
  }

  async #ask(cid: CID, bytes: Uint8Array): Promise<boolean> {
    if (this.#other === undefined) {
      throw new Failure(
        'failed',
        `block ${cid} cannot be checked: unknown hash function 0x${cid.multihash.code.toString(16)}`,
      )
    }
    try {
      await this.#other(cid, bytes)
      return true
    } catch (error) {
      if (error instanceof Failure && error.kind === 'data-mismatch') return false
      throw error
    }
  }
}

async function matchesInPool(cid: CID, bytes: Uint8Array): Promise<boolean> {
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)
  return beginsWith(new Uint8Array(digest), cid.multihash.digest)
}

/** Multihashes may hold the beginning of a digest only. */
function beginsWith(whole: Uint8Array, part: Uint8Array): boolean {
  if (part.length === whole.length) return equalBytes(whole, part)
  return part.length > 0 && part.length < whole.length && equalBytes(whole.subarray(0, part.length), part)
}

/** Returns true when both hold the same bytes. */
export function equalBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && Buffer.compare(one, other) === 0
}
