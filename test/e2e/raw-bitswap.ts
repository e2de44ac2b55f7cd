/** A peer that answers wants over Bitswap in whatever way it is told to. */
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Connection, Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import { MessageReader } from '../../src/node/network/bitswap/streams.ts'
import { decodeMessage, encodeReply, type Reply, type WantEntry } from '../../src/node/network/bitswap/wire.ts'

const BITSWAP_120 = '/ipfs/bitswap/1.2.0'

/** What is sent for a want; undefined: nothing. */
export type Answer = (want: WantEntry) => Partial<Reply> | undefined

export class RawBitswap implements AsyncDisposable {
  readonly #libp2p: Libp2p
  readonly #answer: Answer
  readonly #protocol: string
  /** Wants that came in, by the CID's bytes in hexadecimal. */
  readonly asked: string[] = []

  private constructor(libp2p: Libp2p, answer: Answer, protocol: string) {
    this.#libp2p = libp2p
    this.#answer = answer
    this.#protocol = protocol
  }

  static async start(answer: Answer, protocol: string = BITSWAP_120): Promise<RawBitswap> {
    const libp2p = await createLibp2p({
      privateKey: await generateKeyPair('Ed25519'),
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { identify: identify() },
    })
    const peer = new RawBitswap(libp2p, answer, protocol)
    await libp2p.handle(protocol, (stream, connection) => peer.#read(stream, connection))
    return peer
  }

  get address(): string {
    return String(this.#libp2p.getMultiaddrs()[0])
  }

  get id(): string {
    return this.#libp2p.peerId.toString()
  }

  async dial(address: string): Promise<void> {
    await this.#libp2p.dial(multiaddr(address))
  }

  #read(stream: Stream, connection: Connection): void {
    const reader = new MessageReader()
    stream.addEventListener('message', ({ data }) => {
      for (const chunk of data instanceof Uint8Array ? [data] : data) {
        for (const message of reader.read(chunk)) void this.#receive(message, connection)
      }
    })
  }

  async #receive(message: Uint8Array, connection: Connection): Promise<void> {
    for (const want of decodeMessage(message).entries) {
      if (want.cancel) continue
      this.asked.push(Buffer.from(want.cid).toString('hex'))
      const reply = this.#answer(want)
      if (reply === undefined) continue
      const stream = await connection.newStream(this.#protocol)
      for (const piece of encodeReply({ blocks: [], presences: [], pendingBytes: 0, ...reply })) stream.send(piece)
      await stream.close()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#libp2p.stop()
  }
}
