import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { Failure } from '../../contract/failure.ts'
import { CidError, decodeCid } from '../cid.ts'
import { BASE58BTC, baseByName, encodeMultibase } from '../multibase.ts'

const LIBP2P_KEY = 0x72
const IDENTITY = 0x00
const SHA2_256 = 0x12
/** The base of names as Kubo prints them: `k51…`. */
const BASE_DEFAULT = 'base36'

/**
 * Returns the multihash that a peer id or an IPNS name stands for: base58 (`12D3Koo…`, `Qm…`) or a CID with the codec
 * `libp2p-key`; `/ipns/` may stand before it. Throws `usage`, in Kubo's words.
 */
export function parseName(text: string): Uint8Array {
  const bare = text.startsWith('/ipns/') ? text.slice('/ipns/'.length) : text
  const bytes = bare.startsWith('Qm') || bare.startsWith('1') ? fromBase58(bare) : fromCid(bare)
  if (!isNameHash(bytes)) throw refusal('unsupported multihash')
  return bytes
}

/** Returns the multihash of a name; undefined when the text is none. */
export function nameOrNothing(text: string): Uint8Array | undefined {
  try {
    return parseName(text)
  } catch (error) {
    if (error instanceof Failure) return undefined
    throw error
  }
}

/** Returns true for the multihash of a public key: the key itself, or its SHA-256. */
export function isNameHash(bytes: Uint8Array): boolean {
  try {
    const digest = Digest.decode(bytes)
    return (digest.code === SHA2_256 && digest.size === 32) || (digest.code === IDENTITY && digest.size > 0)
  } catch {
    return false
  }
}

/** Returns a name as text: in a multibase, or as a bare base58 multihash (`b58mh`). Throws `usage` for another base. */
export function formatName(multihash: Uint8Array, base: string = BASE_DEFAULT): string {
  if (base === 'b58mh') return BASE58BTC.encode(multihash)
  return encodeMultibase(baseByName(base), CID.createV1(LIBP2P_KEY, Digest.decode(multihash)).bytes)
}

/** Returns the key under which routing holds the record of a name. */
export function routingKey(multihash: Uint8Array): Uint8Array {
  return Uint8Array.from([...new TextEncoder().encode('/ipns/'), ...multihash])
}

function fromBase58(text: string): Uint8Array {
  try {
    return BASE58BTC.decode(text)
  } catch (error) {
    throw refusal(error instanceof Error ? error.message : String(error))
  }
}

function fromCid(text: string): Uint8Array {
  try {
    const { cid } = decodeCid(text)
    if (cid.code === LIBP2P_KEY) return cid.multihash.bytes
  } catch (error) {
    if (error instanceof CidError) throw refusal(`invalid cid: ${error.message}`)
    throw error
  }
  throw refusal("can't convert a CID of another codec than libp2p-key to a peer ID")
}

function refusal(cause: string): Failure {
  return new Failure('usage', `failed to parse peer ID: ${cause}`)
}
