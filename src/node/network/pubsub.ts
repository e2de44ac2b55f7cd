import { Failure } from '../../contract/failure.ts'
import type { Waiting } from '../../repo/roles.ts'
import { MessageQueue } from './message-queue.ts'
import type { MessageCheck, Pubsub, PubsubMessage } from './network.ts'
import type { Part, PartBase, PartContext, Services } from './parts.ts'
import { pingOnce } from './ping.ts'
import type { PubsubForwards } from './pubsub-forwards.ts'
import { checkSize, type SignedSizes, topicBytes, topicName } from './pubsub-messages.ts'
import type { PubsubPace } from './pubsub-pace.ts'
import type { Router, RouterHooks, Verdict } from './pubsub-router.ts'
import { type PubsubSettings, pubsubSettings } from './pubsub-settings.ts'
import type { PubsubStreams } from './pubsub-streams.ts'
import { forgetSequenceNumbers, ReplayGuard } from './replay-guard.ts'

/** Sequence numbers are stored so long after a message came. */
const SAVE_MS = 2_000
/** The router keeps messages for some heartbeats, for those who ask again; meanwhile it takes no more than this. */
const KEPT_BYTES_MAX = 64 * 1024 * 1024
const KEPT_HEARTBEATS = 6
/** Time that peers of an ephemeral node have, at its end, to take what was sent. */
const ARRIVAL_MS = 5_000
/** How this program calls itself to its peers, but for the version. */
const AGENT_PREFIX = 'tsipfs/'

/** Returns what pubsub needs of libp2p before it is made: nothing, its router starts later. */
export async function pubsubServices(_base: PartBase): Promise<Services> {
  return {}
}

/**
 * Returns pubsub on a node that has started. A daemon speaks it as soon as it is ready, so that its peers learn of it; an
 * ephemeral node, which is mostly there to fetch something, when it is first asked.
 */
export async function createPubsub(context: PartContext): Promise<Part<Pubsub>> {
  const settings = pubsubSettings(context.config)
  if (!settings.isEnabled) return disabled(context)
  const pubsub = new LazyPubsub(context, settings)
  if (context.identity === 'repo') {
    context.later(() => pubsub.start().catch((error: unknown) => context.log('pubsub', 'error', String(error))))
  }
  return pubsub
}

function disabled(context: PartContext): Pubsub {
  const refuse = (): never => {
    const text = 'experimental pubsub feature not enabled, run daemon with --enable-pubsub-experiment to use'
    throw new Failure('failed', text, { hint: 'tsipfs config --json Pubsub.Enabled true' })
  }
  const reset = (peer?: string): Promise<number> => forgetSequenceNumbers(context.node.repo.values, peer)
  return { start: refuse, subscribe: refuse, publish: refuse, topics: refuse, peers: refuse, check: refuse, reset }
}

interface Live {
  readonly router: Router
  readonly streams: PubsubStreams
  readonly pace: PubsubPace
  readonly forwards: PubsubForwards
  readonly sizes: SignedSizes
}

class LazyPubsub implements Part<Pubsub>, RouterHooks {
  readonly #context: PartContext
  readonly #settings: PubsubSettings
  readonly #subscribers = new Map<string, Set<MessageQueue<PubsubMessage>>>()
  readonly #checks = new Map<string, MessageCheck>()
  readonly #guard: ReplayGuard
  /** Bytes that the router took since each of the last heartbeats. */
  readonly #kept: number[] = [0]
  #keptBytes = 0
  readonly #awaitHeartbeat = new Set<() => void>()
  /** Peers that pace what they are sent by themselves. */
  readonly #paced = new Map<string, boolean>()
  #live: Promise<Live> | undefined
  #isClosed = false
  #running: Live | undefined
  #publishing: Promise<unknown> = Promise.resolve()
  #waitingToPublish = 0
  #saving: NodeJS.Timeout | undefined

  constructor(context: PartContext, settings: PubsubSettings) {
    this.#context = context
    this.#settings = settings
    this.#guard = new ReplayGuard(context.node.repo.values, settings.seenMs)
  }

  async start(): Promise<void> {
    await this.#started()
  }

  async #started(): Promise<Live> {
    if (this.#isClosed) throw new Failure('interrupted', 'the network is closing')
    this.#live ??= this.#startRouter()
    return await this.#live
  }

  async *subscribe(
    topic: Uint8Array,
    { signal, onSubscribed }: Waiting & { onSubscribed?: () => void } = {},
  ): AsyncGenerator<PubsubMessage> {
    const name = topicName(topic)
    const { router } = await this.#started()
    const queue = new MessageQueue<PubsubMessage>()
    const queues = this.#subscribers.get(name) ?? new Set()
    if (queues.size === 0) router.subscribe(name)
    this.#subscribers.set(name, queues.add(queue))
    try {
      onSubscribed?.()
      yield* queue.read(signal)
    } finally {
      queues.delete(queue)
      if (queues.size === 0) {
        this.#subscribers.delete(name)
        if (!this.#isClosed) router.unsubscribe(name)
      }
      if (queue.dropped > 0) this.#warn(`${queue.dropped} messages were dropped for a subscriber that did not read`)
    }
  }

  async publish(topic: Uint8Array, data: Uint8Array, { signal }: Waiting = {}): Promise<{ recipients: number }> {
    const name = topicName(topic)
    const live = this.#running ?? (await this.#started())
    checkSize(topic, data, live.sizes)
    signal?.throwIfAborted()
    // One after another: whoever receives them refuses sequence numbers that go back.
    const isFree = this.#waitingToPublish === 0 && this.#mayPublish(live, name)
    const published = isFree
      ? this.#publishNow(live, name, data)
      : this.#publishing.then(() => this.#publishWhenFree(live, name, data, signal))
    this.#waitingToPublish += 1
    const done = (): void => {
      this.#waitingToPublish -= 1
    }
    this.#publishing = published.then(done, done)
    return await published
  }

  async #publishWhenFree(
    live: Live,
    name: string,
    data: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<{ recipients: number }> {
    signal?.throwIfAborted()
    await this.#room(name, signal)
    const subscribers = [...live.router.subscribers(name)]
    await live.streams.room(subscribers, signal)
    await Promise.all(subscribers.map(peer => live.pace.ready(peer, signal)))
    return await this.#publishNow(live, name, data)
  }

  /** Returns whether nothing has to be waited for. */
  #mayPublish({ router, streams, pace }: Live, name: string): boolean {
    if (!this.#hasRoom(name)) return false
    for (const peer of router.subscribers(name)) if (streams.isBusy(peer) || !pace.isReady(peer)) return false
    return true
  }

  async #publishNow({ router, pace }: Live, name: string, data: Uint8Array): Promise<{ recipients: number }> {
    this.#keep(data.length)
    const { id, recipients } = await router.publish(name, data)
    for (const peer of recipients) {
      // Without waiting for those that are known.
      if (!(this.#paced.get(peer) ?? (await this.#isPaced(peer)))) pace.sent(peer, id, data.length)
    }
    return { recipients: recipients.length }
  }

  topics(): Uint8Array[] {
    return [...this.#subscribers.keys()].map(topicBytes)
  }

  peers(topic?: Uint8Array): string[] {
    const router = this.#running?.router
    if (topic !== undefined) return [...(router?.subscribers(topicName(topic)) ?? [])].sort()
    return (router?.peers() ?? []).map(String).sort()
  }

  check(topic: Uint8Array, check: MessageCheck | undefined): void {
    if (check === undefined) this.#checks.delete(topicName(topic))
    else this.#checks.set(topicName(topic), check)
  }

  async reset(peer?: string): Promise<number> {
    return await this.#guard.reset(peer)
  }

  validate(message: PubsubMessage, topic: string): Verdict | Promise<Verdict> {
    // It passes on what it has subscribed to.
    if (!this.#subscribers.has(topic)) return 'ignore'
    const { seqno } = message
    const number = Buffer.from(seqno.buffer, seqno.byteOffset, seqno.length).readBigUInt64BE()
    const isNew = this.#guard.accept(message.from, number)
    this.#saving ??= setTimeout(() => void this.#save(), SAVE_MS).unref()
    if (isNew === true && !this.#checks.has(topic) && this.#hasRoom(topic)) {
      this.#keep(message.data.length)
      return 'accept'
    }
    return this.#validateSlowly(message, topic, isNew)
  }

  async #validateSlowly(message: PubsubMessage, topic: string, isNew: boolean | Promise<boolean>): Promise<Verdict> {
    if (!(await isNew)) return 'ignore'
    const check = this.#checks.get(topic)
    if (check !== undefined && !(await check(message))) return 'reject'
    await this.#room(topic, undefined)
    this.#keep(message.data.length)
    return 'accept'
  }

  deliver(message: PubsubMessage, topic: string): void {
    for (const queue of this.#subscribers.get(topic) ?? []) queue.push(message)
  }

  send(peer: string, frame: Uint8Array): boolean {
    return this.#running?.streams.send(peer, frame) === true
  }

  forward(peer: string, frame: Uint8Array, id: Uint8Array): void {
    const isPaced = this.#paced.get(peer)
    if (isPaced === true) this.send(peer, frame)
    else {
      this.#running?.forwards.add(peer, frame, id)
      if (isPaced === undefined) void this.#isPaced(peer)
    }
  }

  cameBack(peer: string, id: Uint8Array): void {
    this.#running?.pace.cameBack(peer, id)
  }

  /** Returns whether a peer reads no faster than it checks, one message after another: our own kind does. */
  async #isPaced(peer: string): Promise<boolean> {
    const { peerStore } = this.#context.libp2p
    const { peerIdFromString } = await import('@libp2p/peer-id')
    const known = await peerStore.get(peerIdFromString(peer)).catch(() => undefined)
    const agent = Buffer.from(known?.metadata.get('AgentVersion') ?? []).toString()
    const isPaced = agent.startsWith(AGENT_PREFIX)
    // Before it has said who it is, nothing is known of it.
    if (agent !== '') this.#paced.set(peer, isPaced)
    return isPaced
  }

  heartbeat(): void {
    this.#kept.unshift(0)
    this.#kept.length = Math.min(this.#kept.length, KEPT_HEARTBEATS)
    this.#keptBytes = this.#kept.reduce((sum, bytes) => sum + bytes)
    for (const wake of this.#awaitHeartbeat) wake()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#saving)
    const live = await this.#live?.catch(() => undefined)
    for (const queues of this.#subscribers.values()) for (const queue of queues) queue.close()
    for (const wake of this.#awaitHeartbeat) wake()
    if (live === undefined) return
    await live.streams.flush()
    if (this.#context.identity === 'ephemeral') await this.#arrived(live)
    live.streams.stop()
    await live.router.stop()
    await this.#guard.save()
  }

  async #startRouter(): Promise<Live> {
    const [
      { Router },
      { PubsubStreams },
      { PubsubPace },
      { PubsubForwards },
      { preparedKey },
      { publicKeyToProtobuf },
    ] = await Promise.all([
      import('./pubsub-router.ts'),
      import('./pubsub-streams.ts'),
      import('./pubsub-pace.ts'),
      import('./pubsub-forwards.ts'),
      import('./signer.ts'),
      import('@libp2p/crypto/keys'),
    ])
    const { libp2p, components } = this.#context
    const { privateKey, peerId, peerStore, connectionManager, logger } = components
    const streams = new PubsubStreams(components.registrar)
    const registrar = streams.registrar()
    const pace = new PubsubPace((peer, id) => streams.askBack(peer, id))
    const forwards = new PubsubForwards(pace, (peer, frame) => streams.send(peer, frame))
    libp2p.addEventListener('peer:disconnect', ({ detail }) => {
      pace.forget(detail.toString())
      forwards.forget(detail.toString())
      this.#paced.delete(detail.toString())
    })
    const key = publicKeyToProtobuf(privateKey.publicKey).length
    const signature = privateKey.type === 'Ed25519' ? 64 : privateKey.type === 'secp256k1' ? 72 : 512
    const inside = { privateKey: preparedKey(privateKey), peerId, peerStore, connectionManager, logger, registrar }
    const router = new Router(inside, this.#settings, this)
    const sizes = { author: peerId.toMultihash().bytes.length, key, signature }
    const live = { router, streams, pace, forwards, sizes }
    this.#running = live
    await router.start()
    // Peers that were there before learn of it by identify; the router learns of them here.
    for (const connection of libp2p.getConnections()) {
      const known = await peerStore.get(connection.remotePeer).catch(() => undefined)
      if (known?.protocols.some(protocol => router.protocols.includes(protocol)) === true) {
        streams.connected(connection.remotePeer, connection)
      }
    }
    return live
  }

  /** Waits until a message can be kept, and given to those who subscribe to its topic. */
  async #room(topic: string, signal: AbortSignal | undefined): Promise<void> {
    for (const queue of this.#subscribers.get(topic) ?? []) await queue.room()
    while (!this.#isClosed && this.#keptBytes > KEPT_BYTES_MAX) {
      signal?.throwIfAborted()
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#awaitHeartbeat.add(resolve)
      await promise
      this.#awaitHeartbeat.delete(resolve)
    }
  }

  #hasRoom(topic: string): boolean {
    for (const queue of this.#subscribers.get(topic) ?? []) if (!queue.isOpen) return false
    return this.#isClosed || this.#keptBytes <= KEPT_BYTES_MAX
  }

  #keep(bytes: number): void {
    this.#kept[0] = (this.#kept[0] ?? 0) + bytes
    this.#keptBytes += bytes
  }

  /**
   * Resolves when what was sent has arrived: what goes out before a ping is there when it is answered. A connection
   * that closes at once may take what waits in its buffers with it.
   */
  async #arrived({ router }: Live): Promise<void> {
    const signal = AbortSignal.timeout(ARRIVAL_MS)
    const pings = router.peers().map(async peer => {
      const [connection] = this.#context.libp2p.getConnections(peer)
      if (connection !== undefined) await pingOnce(connection, { signal })
    })
    // A peer that is gone has nothing to tell.
    await Promise.allSettled(pings)
  }

  async #save(): Promise<void> {
    this.#saving = undefined
    try {
      await this.#guard.save()
    } catch (error) {
      this.#warn(`sequence numbers were not stored: ${String(error)}`)
    }
  }

  #warn(text: string): void {
    this.#context.log('pubsub', 'warn', text)
  }
}
