import { Failure } from '../contract/failure.ts'
import { formatName, parseName } from './ipns/name.ts'
import { baseByName } from './multibase.ts'

/** Throws `usage` for what is no encoding of peer ids and key names (`--peerid-base`, `--ipns-base`). */
export function checkPeerIdBase(base: string): void {
  if (base !== 'b58mh' && base !== 'v0') baseByName(base)
}

/** Returns a peer id, as the bytes of its multihash, in an encoding: `b58mh` (the bare multihash in base58) or a multibase. */
export function formatPeerId(multihash: Uint8Array, base = 'b58mh'): string {
  return formatName(multihash, base === 'v0' ? 'b58mh' : base)
}

/** Returns the multihash of a peer id. Throws `usage`. */
export function parsePeerId(text: string): Uint8Array {
  try {
    return parseName(text)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    throw new Failure('usage', `invalid peer id ${JSON.stringify(text.slice(0, 128))}`, { cause: error })
  }
}
