/** A peer that says over pubsub whatever it is told to: messages are put together by hand. */
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPair, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { PrivateKey, Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'

const PROTOCOL = '/meshsub/1.1.0'

export interface RawMessage {
  readonly from?: Uint8Array | undefined
  readonly data?: Uint8Array | undefined
  readonly seqno?: Uint8Array | undefined
  readonly topic: string
  readonly signature?: Uint8Array | undefined
  readonly key?: Uint8Array | undefined
}

export class RawPeer implements AsyncDisposable {
  readonly #libp2p: Libp2p
  readonly #key: PrivateKey
  #address = ''
  #stream: Stream | undefined

  private constructor(libp2p: Libp2p, key: PrivateKey) {
    this.#libp2p = libp2p
    this.#key = key
  }

  static async start(): Promise<RawPeer> {
    const privateKey = await generateKeyPair('Ed25519')
    const libp2p = await createLibp2p({
      privateKey,
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { identify: identify() },
    })
    // What the other side says is read, and means nothing here.
    await libp2p.handle(PROTOCOL, stream => stream.addEventListener('message', () => undefined))
    return new RawPeer(libp2p, privateKey)
  }

  get id(): string {
    return this.#libp2p.peerId.toString()
  }

  async dial(address: string): Promise<void> {
    this.#address = address
    await this.reopen()
  }

  async reopen(): Promise<void> {
    this.#stream = await this.#libp2p.dialProtocol(multiaddr(this.#address), PROTOCOL)
  }

  /** Returns a message that is signed as it should be. */
  async message(topic: string, data: string, seqno: bigint): Promise<RawMessage> {
    const number = Buffer.alloc(8)
    number.writeBigUInt64BE(seqno)
    const from = this.#libp2p.peerId.toMultihash().bytes
    const plain = { from, data: Buffer.from(data), seqno: number, topic }
    const signature = await this.#key.sign(Buffer.concat([Buffer.from('libp2p-pubsub:'), encodeMessage(plain)]))
    return { ...plain, signature, key: publicKeyToProtobuf(this.#key.publicKey) }
  }

  async send(rpc: Uint8Array): Promise<void> {
    if (this.#stream === undefined) throw new Error('not dialled')
    if (!this.#stream.send(Buffer.concat([varint(rpc.length), rpc]))) await this.#stream.onDrain()
  }

  /** Resolves when the other side has closed the stream. */
  async closed(): Promise<void> {
    const stream = this.#stream
    if (stream === undefined || stream.status !== 'open') return
    await new Promise<void>(resolve => stream.addEventListener('close', () => resolve()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#libp2p.stop()
  }
}

/** https://github.com/libp2p/specs/blob/master/pubsub/README.md#the-rpc */
export function encodeRpc(messages: readonly RawMessage[], topics: readonly string[] = []): Uint8Array {
  const subscriptions = topics.map(topic =>
    field(1, Buffer.concat([Buffer.from([8, 1]), field(2, Buffer.from(topic))])),
  )
  return Buffer.concat([...subscriptions, ...messages.map(message => field(2, encodeMessage(message)))])
}

export function encodeMessage({ from, data, seqno, topic, signature, key }: RawMessage): Uint8Array {
  const fields = [from, data, seqno, Buffer.from(topic), signature, key]
  return Buffer.concat(fields.map((bytes, at) => (bytes === undefined ? Buffer.alloc(0) : field(at + 1, bytes))))
}

function field(number: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2]), varint(bytes.length), bytes])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let left = value; ; left >>>= 7) {
    bytes.push(left > 127 ? (left & 127) | 128 : left)
    if (left <= 127) return Buffer.from(bytes)
  }
}
