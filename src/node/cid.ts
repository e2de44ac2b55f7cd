import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { Failure } from '../contract/failure.ts'
import type { Globals } from '../contract/globals.ts'
import { plainCid } from './dag-model.ts'
import { BASE32, BASE58BTC, type Base, baseByName, decodeMultibase, encodeMultibase } from './multibase.ts'

/** The longest text that is read as a CID. The longest that Kubo makes (identity, 128 bytes, base2) is shorter. */
const TEXT_LENGTH_MAX = 8192

/** What is wrong with a text that should be a CID, in Kubo's words: `cid too short`. */
export class CidError extends Error {}

/**
 * Returns the CID of a text in any multibase, or in the bare base58 of CIDv0. Throws a `usage` Failure.
 * What Kubo reads is read, and nothing else.
 */
export function parseCid(text: string): CID {
  try {
    return decodeCid(text).cid
  } catch (error) {
    if (!(error instanceof CidError)) throw error
    const shown = text.length > 128 ? `${text.slice(0, 125)}...` : text
    throw new Failure('usage', `invalid CID ${JSON.stringify(shown)}: ${error.message}`, { cause: error })
  }
}

/** Returns the CID of a text and the encoding that it is written in. Throws a CidError. */
export function decodeCid(text: string): { cid: CID; base: Base } {
  if (text.length < 2) throw new CidError('cid too short')
  if (text.length > TEXT_LENGTH_MAX) throw new CidError(`longer than ${TEXT_LENGTH_MAX} characters`)
  if (text.length === 46 && text.startsWith('Qm')) return { cid: decodeBare(text), base: BASE58BTC }
  const { base, bytes } = decodeText(text)
  const plain = plainCid(bytes)
  if (plain !== undefined) return { cid: plain, base }
  const { cid, length } = decodeBytes(bytes)
  if (length !== bytes.length) throw new CidError('trailing bytes in data buffer passed to cid Cast')
  return { cid, base }
}

/** Throws `usage` when CIDs are asked for in a base that there is not. */
export function checkCidBase({ cidBase }: Pick<Globals, 'cidBase'>): void {
  if (cidBase !== undefined) baseByName(cidBase)
}

/**
 * Returns a CID as the caller asked to see it: `--cid-base` for CIDv1, and for CIDv0 too when it is to be upgraded;
 * else CIDv1 in base32 and CIDv0 in base58btc.
 */
export function formatCid(cid: CID, globals: Pick<Globals, 'cidBase' | 'upgradeCidV0'>): string {
  const base = globals.cidBase === undefined ? BASE32 : baseByName(globals.cidBase)
  if (cid.version === 0 && !globals.upgradeCidV0) return BASE58BTC.encode(cid.bytes)
  return encodeMultibase(base, cid.version === 0 ? cid.toV1().bytes : cid.bytes)
}

function decodeText(text: string): { base: Base; bytes: Uint8Array } {
  try {
    return decodeMultibase(text)
  } catch (error) {
    throw new CidError(error instanceof Error ? error.message : String(error))
  }
}

/** Returns the CIDv0 of 46 characters that begin with `Qm`. */
function decodeBare(text: string): CID {
  let bytes: Uint8Array
  try {
    bytes = BASE58BTC.decode(text)
  } catch {
    throw new CidError("input isn't valid multihash")
  }
  const digest = decodeMultihash(bytes, 0)
  if (digest.bytes.length !== bytes.length) throw new CidError("input isn't valid multihash")
  if (digest.code !== 0x12 || digest.size !== 32) {
    throw new CidError(`invalid hash for cidv0 ${digest.code}-${digest.size}`)
  }
  return CID.decode(bytes)
}

/** Returns the CID at the beginning of `bytes`, and its length. */
function decodeBytes(bytes: Uint8Array): { cid: CID; length: number } {
  if (bytes.length > 2 && bytes[0] === 0x12 && bytes[1] === 32) {
    if (bytes.length < 34) throw new CidError('invalid cid: not enough bytes for cid v0')
    const digest = new Digest.Digest(0x12, 32, bytes.slice(2, 34), bytes.slice(0, 34))
    return { cid: CID.createV0(digest), length: 34 }
  }
  const [version, codecAt] = varint(bytes, 0)
  if (version !== 1) throw new CidError(`invalid cid: expected 1 as the cid version number, got: ${version}`)
  const [codec, hashAt] = varint(bytes, codecAt)
  const digest = decodeMultihash(bytes, hashAt)
  return { cid: CID.createV1(codec, digest), length: hashAt + digest.bytes.length }
}

function decodeMultihash(bytes: Uint8Array, from: number): Digest.Digest<number, number> {
  if (bytes.length - from < 2) throw new CidError('invalid cid: multihash too short. must be >= 2 bytes')
  const [code, sizeAt] = varint(bytes, from)
  const [size, digestAt] = varint(bytes, sizeAt)
  if (size > 2 ** 31 - 1) throw new CidError('invalid cid: digest too long, supporting only <= 2^31-1')
  if (size > bytes.length - digestAt) {
    throw new CidError('invalid cid: length greater than remaining number of bytes in buffer')
  }
  const multihash = bytes.slice(from, digestAt + size)
  return new Digest.Digest(code, size, multihash.subarray(digestAt - from), multihash)
}

/** Returns the unsigned varint at `from` and where it ends: minimal, of at most nine bytes, as Go reads it. */
function varint(bytes: Uint8Array, from: number): [value: number, end: number] {
  let value = 0
  let scale = 1
  for (let at = from; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0
    if (at - from === 8 && byte >= 0x80) throw new CidError('invalid cid: varints larger than uint63 not supported')
    value += (byte & 0x7f) * scale
    scale *= 128
    if (byte >= 0x80) continue
    if (byte === 0 && at > from) throw new CidError('invalid cid: varint not minimally encoded')
    if (!Number.isSafeInteger(value)) throw new CidError('invalid cid: number larger than 2^53')
    return [value, at + 1]
  }
  throw new CidError('invalid cid: varints malformed, could not reach the end')
}
