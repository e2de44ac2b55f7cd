import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { Failure } from '../../contract/failure.ts'
import type { Blocks } from '../../repo/roles.ts'
import { digest, IDENTITY, IDENTITY_BYTES_MAX, type MultihashDigest, SHA2_256 } from '../hash.ts'

/** How a node's CID is made. */
export interface CidFormat {
  readonly version: 0 | 1
  readonly hashCode: number
  /** Blocks of so many bytes or fewer become identity CIDs, and are not stored. */
  readonly inlineBytesMax?: number | undefined
  /** What is too long for an identity CID is refused, instead of hashed. */
  readonly refusesLong?: boolean | undefined
}

/** The multicodec code of dag-pb. */
export const DAG_PB = 0x70
/** The multicodec code of raw blocks. */
export const RAW = 0x55

/** Returns the format that a CID was made with. */
export function formatOf(cid: CID): CidFormat {
  return { version: cid.version, hashCode: cid.multihash.code }
}

/** Returns true when two formats make the same CIDs. */
export function sameFormat(a: CidFormat, b: CidFormat): boolean {
  return a.version === b.version && a.hashCode === b.hashCode
}

/**
 * Hashes a block, stores it, and returns its CID. What is too long for an identity CID is hashed with sha2-256, unless
 * the format refuses it.
 */
export async function putBlock(
  blocks: Pick<Blocks, 'put'>,
  codec: number,
  bytes: Uint8Array,
  format: CidFormat,
  leaf = false,
): Promise<CID> {
  const hashing = cidOfBlock(codec, bytes, format)
  const cid = hashing instanceof Promise ? await hashing : hashing
  await blocks.put(cid, bytes, { leaf })
  return cid
}

/** Returns the CID of a block, at once for hash functions that the platform has. */
export function cidOfBlock(codec: number, bytes: Uint8Array, format: CidFormat): CID | Promise<CID> {
  const isTooLong = format.hashCode === IDENTITY && bytes.length > IDENTITY_BYTES_MAX
  const isInline = bytes.length <= (format.inlineBytesMax ?? -1)
  // The CID holds the bytes from now on, whatever becomes of the block.
  if (isInline || (format.hashCode === IDENTITY && !isTooLong)) {
    return withCodec(codec, Digest.create(IDENTITY, bytes.slice()), isInline ? 1 : format.version)
  }
  if (isTooLong && format.refusesLong === true) {
    const text = `digest too large: identity digest got ${bytes.length} bytes, maximum ${IDENTITY_BYTES_MAX}`
    throw new Failure('failed', text, {
      hint: 'use another --hash; --inline makes identity CIDs of what is small enough',
    })
  }
  const hashing = digest(isTooLong ? SHA2_256 : format.hashCode, bytes)
  const finish = (multihash: MultihashDigest): CID => withCodec(codec, multihash, format.version)
  return hashing instanceof Promise ? hashing.then(finish) : finish(hashing)
}

function withCodec(codec: number, multihash: MultihashDigest, version: 0 | 1): CID {
  return version === 0 && codec === DAG_PB ? CID.create(0, DAG_PB, multihash) : CID.createV1(codec, multihash)
}
