import { Duplex, Transform } from 'node:stream'
import type { ConnectionProtector, MessageStream } from '@libp2p/interface'
import { toMessageStream, toNodeDuplex } from '@libp2p/tls/utils'
import { salsa20, xsalsa20 } from '@noble/ciphers/salsa.js'
import { shake128 } from '@noble/hashes/sha3.js'

/** https://github.com/libp2p/specs/blob/master/pnet/Private-Networks-PSK-V1.md */
const NONCE_BYTES = 24
const BLOCK_BYTES = 64

/** Returns what peers of one private network can compare without showing the key, as Kubo prints it. */
export function keyFingerprint(key: Uint8Array): string {
  const stream = salsa20(key, new TextEncoder().encode('finprint'), new Uint8Array(BLOCK_BYTES))
  return Buffer.from(shake128(stream, { dkLen: 16 })).toString('hex')
}

/** Returns what wraps every connection of a private network. */
export function privateNetwork(key: Uint8Array): () => ConnectionProtector {
  return () => ({
    async protect(connection: MessageStream) {
      const duplex = toNodeDuplex(connection)
      const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES))
      const outgoing = new Encipher(key, nonce)
      const incoming = new Decipher(key)
      duplex.write(nonce)
      outgoing.pipe(duplex)
      duplex.pipe(incoming)
      const fail = (error: Error): void => {
        duplex.destroy()
        connection.abort(error)
      }
      for (const part of [duplex, outgoing, incoming]) part.on('error', fail)
      const joined = Duplex.from({ writable: outgoing, readable: incoming })
      duplex.once('close', () => joined.destroy())
      return toMessageStream(connection, joined as never)
    },
  })
}

/** XSalsa20 over a stream of pieces. */
export class KeyStream {
  readonly #key: Uint8Array
  readonly #nonce: Uint8Array
  #position = 0

  constructor(key: Uint8Array, nonce: Uint8Array) {
    this.#key = key
    this.#nonce = nonce
  }

  /** Returns the next bytes, enciphered or deciphered, which is the same. */
  apply(data: Uint8Array): Uint8Array {
    const offset = this.#position % BLOCK_BYTES
    const padded = new Uint8Array(offset + data.length)
    padded.set(data, offset)
    const counter = Math.floor(this.#position / BLOCK_BYTES)
    this.#position += data.length
    return xsalsa20(this.#key, this.#nonce, padded, undefined, counter).subarray(offset)
  }
}

class Encipher extends Transform {
  readonly #stream: KeyStream

  constructor(key: Uint8Array, nonce: Uint8Array) {
    super()
    this.#stream = new KeyStream(key, nonce)
  }

  override _transform(data: Uint8Array, _: string, done: (error: Error | null, data?: Uint8Array) => void): void {
    done(null, this.#stream.apply(data))
  }
}

/** The first bytes that come are the nonce of the other side. */
class Decipher extends Transform {
  readonly #key: Uint8Array
  #nonce: Uint8Array = new Uint8Array()
  #stream: KeyStream | undefined

  constructor(key: Uint8Array) {
    super()
    this.#key = key
  }

  override _transform(data: Uint8Array, _: string, done: (error: Error | null, data?: Uint8Array) => void): void {
    let rest = data
    if (this.#stream === undefined) {
      const missing = NONCE_BYTES - this.#nonce.length
      this.#nonce = Uint8Array.from([...this.#nonce, ...data.subarray(0, missing)])
      rest = data.subarray(missing)
      if (this.#nonce.length === NONCE_BYTES) this.#stream = new KeyStream(this.#key, this.#nonce)
    }
    if (this.#stream === undefined || rest.length === 0) done(null)
    else done(null, this.#stream.apply(rest))
  }
}
