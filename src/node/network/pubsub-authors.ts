import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { publicKeyFromProtobuf } from '@libp2p/crypto/keys'
import type { PublicKey } from '@libp2p/interface'
import { peerIdFromMultihash, peerIdFromPublicKey } from '@libp2p/peer-id'
import { decode as decodeDigest } from 'multiformats/hashes/digest'
import { keyOf } from '../../repo/blocks.ts'
import { type RpcMessage, signedBytes } from './pubsub-wire.ts'

/** Authors whose keys are kept prepared; of more, the first is prepared again. */
const AUTHORS_MAX = 1_024

/** Who signed a message. */
export interface Author {
  /** The id as text. */
  readonly peer: string
  /** The key as it came with the messages, if it did. */
  readonly key: Uint8Array | undefined
  verify(data: Uint8Array, signature: Uint8Array): boolean | Promise<boolean>
}

/**
 * Checks who messages are from. To read and prepare a key takes half as long as to check a signature, so keys of
 * authors are kept.
 */
export class Authors {
  readonly #known = new Map<string, Author>()

  /** Returns the author of a message that is signed as StrictSign asks for; undefined for another. */
  check(message: RpcMessage): Author | undefined | Promise<Author | undefined> {
    const { from, seqno, signature, key } = message
    if (from === undefined || signature === undefined || seqno?.length !== 8) return undefined
    const name = keyOf(from)
    const known = this.#known.get(name)
    const author = known !== undefined && isSame(known.key, key) ? known : authorOf(from, key)
    if (author === undefined) return undefined
    const keep = (isValid: boolean): Author | undefined => {
      if (isValid && author !== known) this.#keep(name, author)
      return isValid ? author : undefined
    }
    try {
      const isValid = author.verify(signedBytes(message), signature)
      return typeof isValid === 'boolean' ? keep(isValid) : isValid.then(keep, () => undefined)
    } catch {
      // A signature of the wrong length is one that is wrong.
      return undefined
    }
  }

  #keep(name: string, author: Author): void {
    const [oldest] = this.#known.keys()
    if (this.#known.size >= AUTHORS_MAX && oldest !== undefined) this.#known.delete(oldest)
    this.#known.set(name, author)
  }
}

/** Returns an author whose key is the one that its id stands for; undefined when it is not, or is no key. */
function authorOf(from: Uint8Array, key: Uint8Array | undefined): Author | undefined {
  try {
    // Copies: what came in one piece from the network is not kept for the sake of a key.
    const peer = peerIdFromMultihash(decodeDigest(from.slice()))
    const publicKey = key === undefined ? peer.publicKey : publicKeyFromProtobuf(key.slice())
    if (publicKey === undefined || !peer.equals(peerIdFromPublicKey(publicKey))) return undefined
    return { peer: peer.toString(), key: key?.slice(), verify: verifier(publicKey) }
  } catch {
    return undefined
  }
}

function verifier(publicKey: PublicKey): Author['verify'] {
  if (publicKey.type !== 'Ed25519') return (data, signature) => publicKey.verify(data, signature)
  const x = Buffer.from(publicKey.raw).toString('base64url')
  const prepared: KeyObject = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } })
  return (data, signature) => verify(null, data, prepared, signature)
}

function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0
}
