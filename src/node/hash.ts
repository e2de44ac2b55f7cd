import type { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { Failure } from '../contract/failure.ts'
import { createHash, hashInto } from '../repo/platform-hash.ts'

export type MultihashDigest = Digest.Digest<number, number>

export const IDENTITY = 0x00
export const SHA2_256 = 0x12

/** Limits of a digest in bytes, as boxo's `verifcid` sets them. */
export const DIGEST_BYTES_MIN = 20
export const DIGEST_BYTES_MAX = 128
export const IDENTITY_BYTES_MAX = 128

interface HashFunction {
  readonly code: number
  readonly name: string
  /** Bytes of its digest; 0 for identity. */
  readonly size: number
  /** The name by which the platform has it, on every runtime. */
  readonly platform?: string
  /** Blocks with it are read and kept, but none are made, as in Kubo. */
  readonly readOnly?: boolean
  /** Makes digests of more bytes than `size` too. */
  readonly extend?: () => Promise<(bytes: Uint8Array, length: number) => Uint8Array>
  /** Loads the function, when the platform does not have it. */
  readonly load?: () => Promise<(bytes: Uint8Array) => Uint8Array>
}

const sha3 = () => import('@noble/hashes/sha3.js')

const FIXED: readonly HashFunction[] = [
  { code: IDENTITY, name: 'identity', size: 0 },
  { code: 0x11, name: 'sha1', size: 20, platform: 'sha1' },
  { code: SHA2_256, name: 'sha2-256', size: 32, platform: 'sha256' },
  { code: 0x13, name: 'sha2-512', size: 64, platform: 'sha512' },
  { code: 0x14, name: 'sha3-512', size: 64, platform: 'sha3-512' },
  { code: 0x15, name: 'sha3-384', size: 48, platform: 'sha3-384' },
  { code: 0x16, name: 'sha3-256', size: 32, platform: 'sha3-256' },
  { code: 0x17, name: 'sha3-224', size: 28, platform: 'sha3-224' },
  { code: 0x19, name: 'shake-256', size: 64, load: async () => (await sha3()).shake256_64 },
  { code: 0x1a, name: 'keccak-224', size: 28, readOnly: true, load: async () => (await sha3()).keccak_224 },
  { code: 0x1b, name: 'keccak-256', size: 32, load: async () => (await sha3()).keccak_256 },
  { code: 0x1c, name: 'keccak-384', size: 48, readOnly: true, load: async () => (await sha3()).keccak_384 },
  { code: 0x1d, name: 'keccak-512', size: 64, load: async () => (await sha3()).keccak_512 },
  {
    code: 0x1e,
    name: 'blake3',
    size: 32,
    load: async () => (await import('@noble/hashes/blake3.js')).blake3,
    extend: async () => {
      const { blake3 } = await import('@noble/hashes/blake3.js')
      return (bytes, length) => blake3(bytes, { dkLen: length })
    },
  },
  { code: 0x56, name: 'dbl-sha2-256', size: 32, load: async () => bytes => sha256(sha256(bytes)) },
]

const functions = new Map<number, HashFunction>(FIXED.map(one => [one.code, one]))
const BLAKE2B_FIRST = 0xb201
const BLAKE2S_FIRST = 0xb241

function blake2(code: number): HashFunction | undefined {
  const isB = code >= BLAKE2B_FIRST + DIGEST_BYTES_MIN - 1 && code < BLAKE2S_FIRST
  const isS = code >= BLAKE2S_FIRST + DIGEST_BYTES_MIN - 1 && code < BLAKE2S_FIRST + 32
  if (!isB && !isS) return undefined
  const size = code - (isB ? BLAKE2B_FIRST : BLAKE2S_FIRST) + 1
  const load = async () => {
    const { blake2b, blake2s } = await import('@noble/hashes/blake2.js')
    const hash = isB ? blake2b : blake2s
    return (bytes: Uint8Array) => hash(bytes, { dkLen: size })
  }
  return { code, name: `blake2${isB ? 'b' : 's'}-${size * 8}`, size, load, readOnly: isS && size < 32 }
}

function functionOf(code: number): HashFunction | undefined {
  return functions.get(code) ?? blake2(code)
}

/** Returns the code and name of every hash function that may be written, in the order of the codes. */
export function hashFunctions(): { readonly code: number; readonly name: string }[] {
  const codes = [...functions.keys()]
  for (let code = BLAKE2B_FIRST; code < BLAKE2S_FIRST + 32; code++) codes.push(code)
  return codes.flatMap(code => functionOf(code) ?? []).map(({ code, name }) => ({ code, name }))
}

/** Returns the code of a hash function by its name in the multicodec table. Throws `usage`. */
export function hashCode(name: string): number {
  const wanted = name === 'sha3' ? 'sha3-512' : name.toLowerCase()
  const found = hashFunctions().find(one => one.name === wanted)
  if (found === undefined || functionOf(found.code)?.readOnly === true)
    throw new Failure('usage', `unrecognized hash function: "${name}"`, { hint: 'see tsipfs cid hashes --supported' })
  return found.code
}

/** Returns the name of a hash function; undefined when it is not one that may be written. */
export function hashName(code: number): string | undefined {
  return functionOf(code)?.name
}

/** Returns true when a block with that hash function may be stored and fetched. */
export function isAllowedHash(code: number): boolean {
  return functionOf(code) !== undefined
}

/** Throws `usage` for a CID whose hash function or digest length is refused, as boxo's `verifcid` does. */
export function checkCid(cid: CID): void {
  const { code, size } = cid.multihash
  if (!isAllowedHash(code))
    throw new Failure('usage', `CID ${cid} uses a hash function that is not allowed (0x${code.toString(16)})`)
  if (code === IDENTITY) {
    if (size > IDENTITY_BYTES_MAX)
      throw new Failure('usage', `CID ${cid}: an identity digest holds at most ${IDENTITY_BYTES_MAX} bytes`)
  } else if (size < DIGEST_BYTES_MIN)
    throw new Failure('usage', `CID ${cid}: a digest holds at least ${DIGEST_BYTES_MIN} bytes`)
  else if (size > DIGEST_BYTES_MAX)
    throw new Failure('usage', `CID ${cid}: a digest holds at most ${DIGEST_BYTES_MAX} bytes`)
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest()
}

const loaded = new Map<number, (bytes: Uint8Array) => Uint8Array>()

/**
 * Returns the multihash of bytes: at once for what the platform has, else a promise while the function is loaded.
 * `length` cuts the digest short, or makes it longer where the function can, and says nothing about identity. Throws `usage` for an unknown function or length.
 */
export function digest(code: number, bytes: Uint8Array, length?: number): MultihashDigest | Promise<MultihashDigest> {
  const found = functionOf(code)
  if (found === undefined) throw new Failure('usage', `unknown hash function 0x${code.toString(16)}`)
  if (code === IDENTITY) return finish(code, bytes, undefined)
  if (found.extend !== undefined && length !== undefined && length > found.size && length <= DIGEST_BYTES_MAX) {
    return found.extend().then(hash => Digest.create(code, hash(bytes, length)))
  }
  if (found.platform !== undefined) {
    const multihash = hashWith(found.platform, found, bytes)
    return length === undefined || length === found.size ? multihash : finish(code, multihash.digest, length)
  }
  const ready = loaded.get(code)
  if (ready !== undefined) return finish(code, ready(bytes), length)
  return loadFunction(found).then(hash => finish(code, hash(bytes), length))
}

/** Both are below 128, so that a multihash begins with a byte each. One piece of memory holds it all. */
function hashWith(platform: string, { code, size }: HashFunction, bytes: Uint8Array): MultihashDigest {
  const multihash = new Uint8Array(2 + size)
  multihash[0] = code
  multihash[1] = size
  const digest = multihash.subarray(2)
  hashInto(platform, bytes, digest)
  return new Digest.Digest(code, size, digest, multihash)
}

async function loadFunction(found: HashFunction): Promise<(bytes: Uint8Array) => Uint8Array> {
  const hash = await found.load?.()
  if (hash === undefined) throw new Error(`hash function ${found.name} cannot be loaded`)
  loaded.set(found.code, hash)
  return hash
}

function finish(code: number, bytes: Uint8Array, length: number | undefined): MultihashDigest {
  if (length === undefined || length === bytes.length || length < 0) return Digest.create(code, bytes)
  if (length > bytes.length) throw new Failure('usage', `the hash function gives ${bytes.length} bytes, not ${length}`)
  return Digest.create(code, bytes.subarray(0, length))
}

/** Throws `data-mismatch` when bytes do not hash to the CID, `usage` when its hash function is refused. */
export async function checkBlock(cid: CID, bytes: Uint8Array): Promise<void> {
  const computed = digest(cid.multihash.code, bytes, cid.multihash.code === IDENTITY ? undefined : cid.multihash.size)
  compare(cid, computed instanceof Promise ? await computed : computed)
}

/** Like `checkBlock`, at once. Throws a bug for a function that the platform does not have. */
export function checkBlockSync(cid: CID, bytes: Uint8Array): void {
  const computed = digest(cid.multihash.code, bytes, cid.multihash.code === IDENTITY ? undefined : cid.multihash.size)
  if (computed instanceof Promise)
    throw new Error(`hash function 0x${cid.multihash.code.toString(16)} cannot be checked at once`)
  compare(cid, computed)
}

function compare(cid: CID, computed: MultihashDigest): void {
  const [a, b] = [cid.multihash.digest, computed.digest]
  if (a.length === b.length && Buffer.compare(a, b) === 0) return
  throw new Failure('data-mismatch', `the bytes do not hash to ${cid}`, { data: { cid: cid.toString() } })
}
