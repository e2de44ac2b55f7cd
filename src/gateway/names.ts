import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { CidError, decodeCid } from '../node/cid.ts'
import { BASE36, BASE58BTC, encodeMultibase } from '../node/multibase.ts'

const LIBP2P_KEY = 0x72
const LABEL_LENGTH_MAX = 63

/** Returns the CID that a text is; undefined when it is none. */
export function cidOf(text: string): CID | undefined {
  try {
    return decodeCid(text).cid
  } catch (error) {
    if (error instanceof CidError) return undefined
    throw error
  }
}

/** Returns the key that a peer id names, in any of its spellings; undefined when it is none. */
export function peerKey(text: string): CID | undefined {
  if (/^(Qm|1)[1-9A-HJ-NP-Za-km-z]{10,120}$/.test(text)) {
    try {
      return CID.createV1(LIBP2P_KEY, Digest.decode(BASE58BTC.decode(text)))
    } catch {
      return undefined // It only looks like one.
    }
  }
  const cid = cidOf(text)
  return cid?.code === LIBP2P_KEY ? cid : undefined
}

/** Returns a CID as IPNS names are written: base36. */
export function base36(cid: CID): string {
  return encodeMultibase(BASE36, cid.bytes)
}

/** Returns the CID as a label of a host name, as short as need be; undefined when it fits in no label. */
export function labelOf(text: string, cid: CID): string | undefined {
  if (text.length <= LABEL_LENGTH_MAX) return text
  const short = base36(CID.createV1(cid.code, cid.multihash))
  return short.length <= LABEL_LENGTH_MAX ? short : undefined
}

/** Returns the label under which a subdomain holds what a CID stands for. */
export function subdomainLabel(namespace: string, cid: CID): string | undefined {
  const isName = namespace !== 'ipfs' && namespace !== 'ipld'
  const v1 = CID.createV1(isName ? LIBP2P_KEY : cid.code, cid.multihash)
  const text = isName ? base36(v1) : v1.toString()
  return labelOf(text, v1)
}

/** `my.v-long.example` as one label: `my-v--long-example`. Undefined when it fits in none. */
export function inlineDomain(domain: string): string | undefined {
  const label = domain.replaceAll('-', '--').replaceAll('.', '-')
  return label.length <= LABEL_LENGTH_MAX ? label : undefined
}

/** Undoes `inlineDomain`. */
export function outlineDomain(label: string): string {
  return label.replace(/--|-/g, dashes => (dashes === '--' ? '-' : '.'))
}
