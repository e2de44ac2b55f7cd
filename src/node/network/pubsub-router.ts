import { publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { type GossipSubComponents, type GossipsubOpts, gossipsub, StrictSign } from '@libp2p/gossipsub'
import type { PeerId, PrivateKey, Stream } from '@libp2p/interface'
import { keyOf } from '../../repo/blocks.ts'
import type { PubsubMessage } from './network.ts'
import { type Author, Authors } from './pubsub-authors.ts'
import { FrameReader } from './pubsub-frames.ts'
import { Heartbeat, type Pace } from './pubsub-heartbeat.ts'
import { type Inside, insideOf } from './pubsub-inside.ts'
import { RPC_BYTES_MAX, seqnoBytes, topicBytes } from './pubsub-messages.ts'
import type { PubsubSettings } from './pubsub-settings.ts'
import { decodeRpc, encodedSize, encodeFrame, type Rpc, type RpcMessage, signedBytes } from './pubsub-wire.ts'

/** What one peer's list of topics may take: some 1,000 topics. */
const TOPIC_BYTES_MAX = 1024 * 1024
/** A stream that is opened twice by chance is no reason to refuse one. */
const STREAMS_MAX = 4
const FLOODSUB = '/floodsub/1.0.0'
/** Of larger messages peers are told that they need not be sent again (IDONTWANT). */
const TOLD_BYTES_MIN = 512

/** What is thought of a message: it is passed on, it is not, or who sent it should have known better. */
export type Verdict = 'accept' | 'ignore' | 'reject'

export interface RouterHooks {
  /** Is asked of every message that is signed by who it says and was not seen lately. */
  validate(message: PubsubMessage, topic: string): Verdict | Promise<Verdict>
  /** Is given the messages of topics that are subscribed to, those of this node too. */
  deliver(message: PubsubMessage, topic: string): void
  heartbeat(): void
  /** Sends a frame to a peer. Returns whether there was room for it. */
  send(peer: string, frame: Uint8Array): boolean
  /** Passes a message on to a peer, now or when it can take it. */
  forward(peer: string, frame: Uint8Array, id: Uint8Array): void
  /** Is told of a message that was seen before, and a peer has sent (back). */
  cameBack(peer: string, id: Uint8Array): void
}

export interface Published {
  readonly id: Uint8Array
  /** The peers that it was sent to. */
  readonly recipients: readonly string[]
}

/**
 * Gossipsub. Who is in which mesh, gossip, back-off and scores are the library's; what each message goes through is here:
 * its codec (topics are bytes), its signature (with keys that are prepared once) and its way through the node, which takes
 * no turn of the loop when nothing has to be waited for. The library's own way takes dozens of promises.
 */
export class Router {
  readonly #inside: Inside
  readonly #heart: Heartbeat
  readonly #hooks: RouterHooks
  readonly #authors = new Authors()
  readonly #own: Uint8Array
  readonly #self: string
  readonly #privateKey: PrivateKey
  readonly #key: Uint8Array
  // Nanoseconds, as Go's nodes begin; they only grow, also from one run to the next.
  #seqno = BigInt(Date.now()) * 1_000_000n

  /** It has not been started. */
  constructor(components: GossipSubComponents, settings: PubsubSettings, hooks: RouterHooks) {
    this.#own = components.peerId.toMultihash().bytes
    this.#self = components.peerId.toString()
    this.#privateKey = components.privateKey
    this.#key = publicKeyToProtobuf(components.privateKey.publicKey)
    this.#hooks = hooks
    const router = gossipsub(optionsOf(settings))(components)
    this.#inside = insideOf(router)
    if (settings.router === 'floodsub') router.protocols = [FLOODSUB]
    this.#heart = new Heartbeat(
      () => this.#beat(),
      () => this.#pace(),
    )
    router.addEventListener('gossipsub:heartbeat', () => hooks.heartbeat())
    this.#takeOver()
  }

  get protocols(): readonly string[] {
    return this.#inside.protocols
  }

  async start(): Promise<void> {
    await this.#inside.start()
  }

  async stop(): Promise<void> {
    this.#heart.stop()
    await this.#inside.stop()
  }

  subscribe(topic: string): void {
    this.#inside.subscribe(topic)
    this.#heart.wake()
  }

  unsubscribe(topic: string): void {
    this.#inside.unsubscribe(topic)
    this.#heart.wake()
  }

  /** Returns the peers that speak pubsub. */
  peers(): PeerId[] {
    return this.#inside.getPeers()
  }

  /** Returns the peers that are subscribed to a topic. */
  subscribers(topic: string): ReadonlySet<string> {
    return this.#inside.topics.get(topic) ?? NOBODY
  }

  /** Signs a message and sends it to all that are subscribed to its topic, here too. */
  async publish(topic: string, data: Uint8Array): Promise<Published> {
    this.#seqno += 1n
    const unsigned = { from: this.#own, data, seqno: seqnoBytes(this.#seqno), topic }
    const signing = this.#privateKey.sign(signedBytes(unsigned))
    const signature = signing instanceof Uint8Array ? signing : await signing
    const message = { ...unsigned, signature, key: this.#key }
    const id = Buffer.concat([this.#own, unsigned.seqno])
    const frame = encodeFrame({ messages: [message] })
    const recipients: string[] = []
    for (const peer of this.#inside.selectPeersToPublish(topic).tosend) {
      if (this.#inside.streamsOutbound.has(peer) && this.#hooks.send(peer, frame)) recipients.push(peer)
    }
    this.#remember(id, keyOf(id), message)
    this.#hooks.deliver(toPlain(this.#self, message), topic)
    return { id, recipients }
  }

  /** Has the library call the functions of this class where it would call its own. */
  #takeOver(): void {
    const inside = this.#inside
    inside.createInboundStream = (peer, stream) => this.#read(peer, stream)
    inside.handleReceivedMessage = async (source, message) => await this.#take(source.toString(), message)
    inside.sendRpc = (peer, rpc) => this.#sendRpc(peer, rpc)
    inside.sendRpcInBatch = (peers, rpc) => {
      const frame = encodeFrame(rpc)
      for (const peer of peers) {
        if (!inside.streamsOutbound.has(peer) || !this.#hooks.send(peer, frame)) peers.delete(peer)
      }
    }
    // Heartbeats, and the scores with them, go by our own timer.
    inside.runHeartbeat = () => undefined
    inside.score.start = () => undefined
    const removePeer = inside.removePeer.bind(inside)
    inside.removePeer = peer => {
      removePeer(peer)
      this.#heart.wake()
    }
  }

  async #beat(): Promise<void> {
    const { score, peers, seenCache } = this.#inside
    score.background()
    // Without peers, and without messages that are to be forgotten, there is nothing else to keep in order.
    if (peers.size > 0 || seenCache.size > 0) await this.#inside.heartbeat()
    else this.#hooks.heartbeat()
  }

  #pace(): Pace {
    const { peers, mesh, fanout, backoff, control, gossip, gossipTracer, score, seenCache } = this.#inside
    if (peers.size > 0 && (mesh.size > 0 || fanout.size > 0)) return 'fast'
    if (backoff.size > 0 || control.size > 0 || gossip.size > 0 || gossipTracer.size > 0) return 'fast'
    for (const { behaviourPenalty } of score.peerStats.values()) if (behaviourPenalty > 0) return 'fast'
    // Messages that were seen, and what is thought of peers that are gone, are forgotten in time.
    return seenCache.size > 0 || score.peerStats.size > peers.size ? 'slow' : 'none'
  }

  #read(peer: PeerId, stream: Stream): void {
    const inside = this.#inside
    const source = peer.toString()
    if (!inside.peers.has(source)) return
    // The last one that a peer opens is the one that counts.
    void inside.streamsInbound.get(source)?.close()
    const reader = new FrameReader(stream, {
      take: frame => this.#handle(peer, source, frame),
      failed: error => inside.handlePeerReadStreamError(error, peer),
    })
    inside.streamsInbound.set(source, reader)
  }

  #handle(peer: PeerId, source: string, frame: Uint8Array): Promise<void> | undefined {
    let rpc: Rpc
    try {
      rpc = decodeRpc(frame)
    } catch {
      // What cannot be read is passed over; the next frame may be better.
      return undefined
    }
    if (rpc.subscriptions.length > 0 || rpc.control !== undefined) {
      this.#heart.wake()
      return this.#inside.handleReceivedRpc(peer, rpc)
    }
    return this.#inside.acceptFrom(source) ? this.#takeAll(source, rpc.messages, 0) : undefined
  }

  #takeAll(source: string, messages: readonly RpcMessage[], from: number): Promise<void> | undefined {
    for (let at = from; at < messages.length; at += 1) {
      const message = messages[at]
      if (message === undefined) continue
      const waits = this.#take(source, message)
      if (waits === undefined) continue
      const goOn = (): Promise<void> | undefined => this.#takeAll(source, messages, at + 1)
      // What one of them failed with is no reason to pass over the others.
      return waits.then(goOn, goOn)
    }
    return undefined
  }

  /** Takes a message that came from a peer. Returns what is to be waited for, if anything. */
  #take(source: string, message: RpcMessage): Promise<void> | undefined {
    const { from, seqno } = message
    if (from === undefined || seqno?.length !== 8) return undefined
    const id = Buffer.concat([from, seqno])
    const name = keyOf(id)
    // Author and number name a message, as with Go's nodes. Nobody but this node says something new in its name.
    if (this.#inside.seenCache.has(name) || Buffer.compare(from, this.#own) === 0) {
      this.#inside.gossipTracer.deliverMessage(name, true)
      this.#hooks.cameBack(source, id)
      return undefined
    }
    const author = this.#authors.check(message)
    if (author instanceof Promise) return author.then(found => this.#judge(source, message, id, name, found))
    return this.#judge(source, message, id, name, author)
  }

  #judge(
    source: string,
    message: RpcMessage,
    id: Uint8Array,
    name: string,
    author: Author | undefined,
  ): Promise<void> | undefined {
    // Another peer may have sent it while it was checked.
    if (author === undefined || this.#inside.seenCache.has(name)) return undefined
    this.#inside.seenCache.put(name)
    this.#heart.wake()
    const { topic } = message
    if ((message.data?.length ?? 0) >= TOLD_BYTES_MIN) this.#inside.sendIDontWants(id, topic, source)
    const plain = toPlain(author.peer, message)
    const accept = (verdict: Verdict): undefined => {
      if (verdict !== 'accept') return
      this.#hooks.deliver(plain, topic)
      this.#remember(id, name, message)
      this.#forward(source, message, id, name)
    }
    const verdict = this.#hooks.validate(plain, topic)
    return typeof verdict === 'string' ? accept(verdict) : verdict.then(accept)
  }

  #remember(id: Uint8Array, name: string, message: RpcMessage): void {
    this.#inside.seenCache.put(name)
    this.#heart.wake()
    this.#inside.gossipTracer.deliverMessage(name)
    // For those who ask for it, having heard of it by gossip.
    this.#inside.mcache.put({ msgId: id, msgIdStr: name }, message, true)
  }

  #forward(source: string, message: RpcMessage, id: Uint8Array, name: string): void {
    const peers = this.#inside.selectPeersToForward(message.topic, source)
    if (peers.size === 0) return
    const frame = encodeFrame({ messages: [message] })
    for (const peer of peers) {
      const isUnwanted = this.#inside.idontwants.get(peer)?.has(name) === true
      if (!isUnwanted && this.#inside.streamsOutbound.has(peer)) this.#hooks.forward(peer, frame, id)
    }
  }

  /** Sends an RPC, with what else waits to be said to the peer. */
  #sendRpc(peer: string, rpc: Rpc): boolean {
    const inside = this.#inside
    if (!inside.streamsOutbound.has(peer)) return false
    const control = inside.control.get(peer)
    const gossip = inside.gossip.get(peer)
    if (control !== undefined) inside.piggybackControl(peer, rpc, control)
    if (gossip !== undefined) inside.piggybackGossip(peer, rpc, gossip)
    inside.control.delete(peer)
    inside.gossip.delete(peer)
    const [first, ...others] = framesOf(rpc)
    if (first === undefined || !this.#hooks.send(peer, first)) {
      if (control !== undefined) inside.control.set(peer, control)
      if (gossip !== undefined) inside.gossip.set(peer, gossip)
      this.#heart.wake()
      return false
    }
    for (const frame of others) if (!this.#hooks.send(peer, frame)) break
    for (const kind of ['graft', 'prune'] as const) {
      for (const { topicID: topic } of rpc.control?.[kind] ?? []) {
        const detail = { peerId: peer, topic, direction: 'outbound' }
        if (topic !== undefined) inside.safeDispatchEvent(`gossipsub:${kind}`, { detail })
      }
    }
    return true
  }
}

const NOTHING = new Uint8Array(0)
const NOBODY: ReadonlySet<string> = new Set()

function optionsOf(settings: PubsubSettings): Partial<GossipsubOpts> {
  return {
    globalSignaturePolicy: StrictSign,
    floodPublish: true,
    // One message of a peer after another: what it sends faster waits in its stream.
    awaitRpcHandler: true,
    awaitRpcMessageHandler: true,
    seenTTL: settings.seenMs,
    msgIdToStrFn: keyOf,
    maxTopicBytesPerPeer: TOPIC_BYTES_MAX,
    maxInboundStreams: STREAMS_MAX,
    maxOutboundStreams: STREAMS_MAX,
    // Many nodes behind one address (a CI machine, an office) are no attack. Messages do not count for scores: that
    // takes settings for each topic.
    scoreParams: { IPColocationFactorWeight: 0 },
  }
}

/** What a peer asked for may be more than it takes at once. */
function* framesOf(rpc: Rpc): Generator<Uint8Array> {
  let messages: RpcMessage[] = []
  let bytes = 0
  let rest: Partial<Rpc> = { subscriptions: rpc.subscriptions, control: rpc.control }
  for (const message of rpc.messages) {
    const size = encodedSize(message)
    if (messages.length > 0 && bytes + size > RPC_BYTES_MAX / 2) {
      yield encodeFrame({ ...rest, messages })
      rest = {}
      messages = []
      bytes = 0
    }
    messages.push(message)
    bytes += size
  }
  yield encodeFrame({ ...rest, messages })
}

function toPlain(from: string, { data = NOTHING, seqno = NOTHING, topic }: RpcMessage): PubsubMessage {
  return { from, data, seqno, topics: [topicBytes(topic)] }
}
