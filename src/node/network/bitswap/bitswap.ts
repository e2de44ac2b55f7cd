import type { Connection, Stream } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import type { Blocks, Waiting } from '../../../repo/roles.ts'
import { isAllowedHash } from '../../hash.ts'
import type { BitswapLedger, BitswapStat, BitswapWatcher } from '../network.ts'
import { hashBlock, keyOf, keyOfHash, PREFIX_V0, readPrefix } from './cid.ts'
import { BitswapClient } from './client.ts'
import { BLOCK_BYTES_MAX, RECEIVED_BYTES_MAX } from './limits.ts'
import type { PeerAnswer } from './question.ts'
import { BitswapServer } from './server.ts'
import { Session, type SessionOptions } from './session.ts'
import { ownBytes, readStream, Sender } from './streams.ts'
import { BITSWAP_120, decodeMessage, type WireBlock } from './wire.ts'

const DIGEST_BYTES_MIN = 20
const DIGEST_BYTES_MAX = 128
/** So many bytes that nobody waits for are taken from a peer: another one may have been faster. */
const USELESS_BYTES_MAX = 64 * 1024 * 1024

export interface BitswapOptions {
  /** What is here: the server reads it, the client puts there what it receives. */
  readonly blocks: Pick<Blocks, 'stat' | 'get' | 'put'>
  /** The direct connection to a peer, if there is one. */
  readonly connectionTo: (peer: string) => Connection | undefined
  /** Is told how many bytes have come in. */
  readonly onBytes?: ((bytes: number) => void) | undefined
  /** False: wants of others are not answered. */
  readonly serves: boolean
  /** Returns true for what others may have; undefined: all that is here. */
  readonly mayServe?: ((cid: CID) => boolean) | undefined
  /** Is told when a peer wants something that is not here. */
  readonly onOpenWants?: (() => void) | undefined
}

interface Counts {
  sentBlocks: number
  sentBytes: number
  receivedBlocks: number
  receivedBytes: number
  exchanged: number
  /** Of what was received, what nobody waited for. */
  uselessBytes: number
}

/**
 * Bitswap 1.2.0, with 1.1.0 and 1.0.0 for old peers: https://specs.ipfs.tech/bitswap-protocol/. It works on streams and
 * blocks alone; whoever has a libp2p node tells it of connections and inbound streams.
 */
export class Bitswap {
  readonly #options: BitswapOptions
  readonly #client: BitswapClient
  readonly #server: BitswapServer
  readonly #counts = new Map<string, Counts>()
  /** The protocol in which a connected peer spoke last. */
  readonly #spoken = new Map<string, string>()
  /** Peers that did not speak what they were assumed to speak: they are asked. */
  readonly #asked = new Set<string>()
  readonly #total = { duplicateBlocks: 0, duplicateBytes: 0, messages: 0, blocks: 0, bytes: 0, sent: 0, sentBytes: 0 }
  readonly #watchers = new Set<BitswapWatcher>()
  #pendingBytes = 0
  #transferredAt = 0
  #waiting: (() => void)[] = []

  constructor(options: BitswapOptions) {
    this.#options = options
    this.#client = new BitswapClient(peer => this.#newSender(peer))
    this.#server = new BitswapServer({
      blocks: options.blocks,
      mayServe: options.mayServe,
      onOpenWants: options.onOpenWants,
      onSent: (peer, cids, bytes) => {
        const blocks = cids.length
        const counts = this.#countsOf(peer)
        this.#transferredAt = performance.now()
        counts.sentBlocks += blocks
        counts.sentBytes += bytes
        counts.exchanged += 1
        this.#total.sent += blocks
        this.#total.sentBytes += bytes
        for (const watcher of this.#watchers) watcher.sent(peer, cids)
      },
    })
  }

  connected(peer: string): void {
    this.#client.connected(peer)
  }

  /** Gets ready to ask a peer that is connected, of which something will be wanted in a moment. */
  prepare(peer: string): void {
    this.#client.peer(peer)?.prepare()
  }

  #newSender(peer: string): Sender {
    return new Sender({
      connection: () => this.#options.connectionTo(peer),
      // Whoever speaks Bitswap speaks this version, by now.
      assumedProtocol: () => (this.#asked.has(peer) ? undefined : (this.#spoken.get(peer) ?? BITSWAP_120)),
      refused: () => {
        this.#asked.add(peer)
        this.#client.disconnected(peer)
        this.#client.connected(peer)
      },
    })
  }

  disconnected(peer: string): void {
    this.#spoken.delete(peer)
    this.#asked.delete(peer)
    this.#client.disconnected(peer)
    this.#server.disconnected(peer)
    for (const watcher of this.#watchers) watcher.gone(peer)
    const counts = this.#counts.get(peer)
    // Peers that came and went without an exchange need not be remembered.
    if (counts?.exchanged === 0) this.#counts.delete(peer)
  }

  /** Takes a stream that a peer has opened. */
  accept(stream: Stream, peer: string): void {
    this.#spoken.set(peer, stream.protocol)
    readStream(
      stream,
      bytes => this.#receive(peer, bytes),
      // A large block that trickles in is no stall.
      () => this.#client.heardFrom(peer),
    )
    // Whoever opens a stream without having been asked will ask for something.
    if (this.#options.serves && this.#client.peer(peer)?.isPrepared === false) {
      this.#server.prepare(peer, () => this.#newSender(peer))
    }
  }

  newSession(options: SessionOptions): Session {
    return new Session(this.#client, options)
  }

  /** Says that blocks were stored here: peers that want them get them. */
  async offer(cids: readonly CID[]): Promise<void> {
    if (this.#options.serves) await this.#server.offer(cids)
  }

  /** True while a peer wants something that was not here. */
  get hasOpenWants(): boolean {
    return this.#options.serves && this.#server.hasOpenWants
  }

  /** Looks once more for what peers want, when somebody else may have stored it. */
  async lookAgain(): Promise<void> {
    if (this.hasOpenWants) await this.#server.lookAgain()
  }

  get transferredAt(): number {
    return this.#transferredAt
  }

  stat(): BitswapStat {
    const { duplicateBlocks, duplicateBytes, messages, blocks, bytes, sent, sentBytes } = this.#total
    return {
      blocksReceived: blocks,
      dataReceived: bytes,
      blocksSent: sent,
      dataSent: sentBytes,
      duplicateBlocks,
      duplicateData: duplicateBytes,
      messagesReceived: messages,
      wantlist: this.#client.wantlist(),
      peers: this.#client.peers().sort(),
    }
  }

  watch(watcher: BitswapWatcher): Disposable {
    this.#watchers.add(watcher)
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) }
  }

  async ask(peer: string, cid: CID, { signal }: Waiting = {}): Promise<PeerAnswer> {
    const { askOnePeer } = await import('./question.ts')
    return await askOnePeer(this.#client, peer, cid, signal)
  }

  wantlist(peer?: string): CID[] {
    return peer === undefined ? this.#client.wantlist() : this.#server.wantlist(peer)
  }

  ledger(peer: string): BitswapLedger {
    const counts = this.#counts.get(peer)
    const sent = counts?.sentBytes ?? 0
    const received = counts?.receivedBytes ?? 0
    return { peer, sent, received, exchanged: counts?.exchanged ?? 0, value: sent / (received + 1) }
  }

  #countsOf(peer: string): Counts {
    let counts = this.#counts.get(peer)
    if (counts === undefined) {
      counts = { sentBlocks: 0, sentBytes: 0, receivedBlocks: 0, receivedBytes: 0, exchanged: 0, uselessBytes: 0 }
      this.#counts.set(peer, counts)
    }
    return counts
  }

  /** Returns a promise when the sender is to be held back until it settles. */
  #receive(peer: string, bytes: Uint8Array): Promise<void> | undefined {
    this.#options.onBytes?.(bytes.length)
    const message = decodeMessage(bytes)
    this.#total.messages += 1
    this.#countsOf(peer).exchanged += 1
    if (message.presences.length > 0) this.#client.presences(peer, message.presences)
    for (const block of message.blocks) void this.#take(peer, block)
    if (this.#options.serves && (message.entries.length > 0 || message.full)) {
      return this.#server.receive(peer, message, () => this.#newSender(peer))
    }
    return this.#pendingBytes > RECEIVED_BYTES_MAX ? this.#roomAgain() : undefined
  }

  async #roomAgain(): Promise<void> {
    while (this.#pendingBytes > RECEIVED_BYTES_MAX / 2) await new Promise<void>(resolve => this.#waiting.push(resolve))
  }

  async #take(peer: string, block: WireBlock): Promise<void> {
    const { length } = block.data
    this.#pendingBytes += length
    this.#transferredAt = performance.now()
    try {
      await this.#check(peer, block)
    } catch {
      // A block that cannot be checked, or stored, was not received: it is asked of another peer, or of this one again.
    } finally {
      this.#pendingBytes -= length
      const waiting = this.#waiting
      this.#waiting = []
      for (const go of waiting) go()
    }
  }

  /** The one door for blocks from peers: they are hashed, and dropped unless somebody waits for that hash. */
  async #check(peer: string, { prefix: bytes, data }: WireBlock): Promise<void> {
    const prefix = bytes === undefined ? PREFIX_V0 : readPrefix(bytes)
    if (prefix === undefined || data.length > BLOCK_BYTES_MAX) return
    const { hash, length } = prefix
    if (hash === 0 || !isAllowedHash(hash) || length < DIGEST_BYTES_MIN || length > DIGEST_BYTES_MAX) return
    const digest = await hashBlock(prefix, data)
    const key = keyOfHash(digest.bytes)
    const counts = this.#countsOf(peer)
    counts.receivedBlocks += 1
    counts.receivedBytes += data.length
    this.#total.blocks += 1
    this.#total.bytes += data.length
    const cid = this.#client.wantedCid(key)
    if (cid === undefined) {
      this.#total.duplicateBlocks += 1
      this.#total.duplicateBytes += data.length
      counts.uselessBytes += data.length
      if (counts.uselessBytes > USELESS_BYTES_MAX + counts.receivedBytes / 2) this.#refuse(peer)
      return
    }
    const own = ownBytes(data)
    await this.#options.blocks.put(cid, own)
    this.#client.received({ cid, key }, own, peer)
    void this.offer([cid])
  }

  /** Who sends more that nobody asked for than what was asked for is not listened to. */
  #refuse(peer: string): void {
    this.#options.connectionTo(peer)?.abort(new Error('the peer sends blocks that nobody asked for'))
  }

  /** Takes a block that came another way, and was checked: who waits for it has it, and peers are told. */
  async received(cid: CID, bytes: Uint8Array): Promise<void> {
    await this.#options.blocks.put(cid, bytes)
    this.#client.received({ cid, key: keyOf(cid) }, bytes, undefined)
    void this.offer([cid])
  }
}
