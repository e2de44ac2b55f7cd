import { CID } from 'multiformats/cid'
import type { Blocks } from '../../repo/roles.ts'
import { digest } from '../hash.ts'

/** How a node's CID is made. */
export interface CidFormat {
  readonly version: 0 | 1
  readonly hashCode: number
}

/** The multicodec code of dag-pb. */
export const DAG_PB = 0x70
/** The multicodec code of raw blocks. */
export const RAW = 0x55
const SHA2_256 = 0x12
const IDENTITY = 0
const IDENTITY_BYTES_MAX = 128

/** Returns the format that a CID was made with. */
export function formatOf(cid: CID): CidFormat {
  return { version: cid.version, hashCode: cid.multihash.code }
}

/** Returns true when two formats make the same CIDs. */
export function sameFormat(a: CidFormat, b: CidFormat): boolean {
  return a.version === b.version && a.hashCode === b.hashCode
}

/** Hashes a block, stores it, and returns its CID. What is too long for an identity CID is hashed with sha2-256. */
export async function putBlock(
  blocks: Pick<Blocks, 'put'>,
  codec: number,
  bytes: Uint8Array,
  format: CidFormat,
  leaf = false,
): Promise<CID> {
  const tooLong = format.hashCode === IDENTITY && bytes.length > IDENTITY_BYTES_MAX
  const hashing = digest(tooLong ? SHA2_256 : format.hashCode, bytes)
  const multihash = hashing instanceof Promise ? await hashing : hashing
  const plain = format.version === 0 && codec === DAG_PB
  const cid = plain ? CID.create(0, DAG_PB, multihash) : CID.createV1(codec, multihash)
  await blocks.put(cid, bytes, { leaf })
  return cid
}
