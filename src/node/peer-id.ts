import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { Failure } from '../contract/failure.ts'
import { CidError, decodeCid } from './cid.ts'
import { BASE58BTC, type Base, baseByName, encodeMultibase } from './multibase.ts'

/** The codec of CIDs that hold a peer id. https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md */
export const LIBP2P_KEY = 0x72
/** dag-pb: CIDs of peer ids had it before there was a codec for them. */
const DAG_PB = 0x70

/** How peer ids and key names are to be written: undefined is the bare multihash in base58. */
export type PeerIdForm = Base | undefined

/** Returns the form that `--peerid-base` or `--ipns-base` names: `b58mh`, or a multibase. Throws a `usage` Failure. */
export function peerIdForm(name: string): PeerIdForm {
  return name === 'b58mh' || name === 'v0' ? undefined : baseByName(name)
}

/** Returns a peer id, as the bytes of its multihash, in a form. */
export function formatPeerId(multihash: Uint8Array, form: PeerIdForm): string {
  if (form === undefined) return BASE58BTC.encode(multihash)
  return encodeMultibase(form, CID.createV1(LIBP2P_KEY, Digest.decode(multihash)).bytes)
}

/**
 * Returns the bytes of the multihash that a text names: base58 that begins with `Qm` or `1`, or a CID with the codec
 * libp2p-key. Throws a `usage` Failure.
 */
export function parsePeerId(text: string): Uint8Array {
  try {
    if (text.startsWith('Qm') || text.startsWith('1')) {
      const bytes = BASE58BTC.decode(text)
      return Digest.decode(bytes).bytes
    }
    const { cid } = decodeCid(text)
    if (cid.code === LIBP2P_KEY || (cid.version === 0 && cid.code === DAG_PB)) return cid.multihash.bytes
    throw new CidError(`can't convert CID of type 0x${cid.code.toString(16)} to a peer ID`)
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure('usage', `invalid peer id ${JSON.stringify(text.slice(0, 128))}`, { cause: error })
  }
}
