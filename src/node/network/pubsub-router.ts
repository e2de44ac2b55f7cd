import {
  type GossipSub,
  type GossipSubComponents,
  type GossipsubOpts,
  gossipsub,
  type Message,
  StrictSign,
  type TopicValidatorFn,
  TopicValidatorResult,
} from '@libp2p/gossipsub'
import type { PeerId, Startable } from '@libp2p/interface'
import type { PubsubMessage } from './network.ts'
import { RPC_BYTES_MAX, seqnoBytes } from './pubsub-messages.ts'
import type { PubsubSettings } from './pubsub-settings.ts'

/** What one peer's list of topics may take: some 1,000 topics. */
const TOPIC_BYTES_MAX = 1024 * 1024
/** A stream that is opened twice by chance is no reason to refuse one. */
const STREAMS_MAX = 4
const NOTHING = new Uint8Array(0)
const FLOODSUB = '/floodsub/1.0.0'
const VERDICTS = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
}

export interface RouterHooks {
  /** Is asked of every message that is signed by who it says and was not seen lately. */
  validate(message: PubsubMessage, topic: string): Promise<keyof typeof VERDICTS>
  /** Is given the messages of topics that are subscribed to, those of this node too. */
  deliver(message: PubsubMessage, topic: string): void
  heartbeat(): void
  /** Is told the id of each message that is published, before it is sent. */
  published(id: Uint8Array): void
  /** Is told of a message of this node that a peer has sent back. */
  cameBack(peer: string, id: Uint8Array): void
}

export type Router = GossipSub & Startable

/** Returns a router of pubsub. It has not been started. */
export function createRouter(components: GossipSubComponents, settings: PubsubSettings, hooks: RouterHooks): Router {
  const own = components.peerId.toMultihash().bytes
  const options: Partial<GossipsubOpts> = {
    globalSignaturePolicy: StrictSign,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    emitSelf: true,
    floodPublish: true,
    batchPublish: true,
    // One message of a peer after another: what it sends faster waits in its stream.
    awaitRpcHandler: true,
    awaitRpcMessageHandler: true,
    seenTTL: settings.seenMs,
    msgIdFn: message => {
      const id = messageId(message)
      // Those of others that bear this name do not get so far.
      if (isOwn(own, id)) hooks.published(id)
      return id
    },
    maxInboundDataLength: RPC_BYTES_MAX,
    maxTopicBytesPerPeer: TOPIC_BYTES_MAX,
    maxInboundStreams: STREAMS_MAX,
    maxOutboundStreams: STREAMS_MAX,
    // Many nodes behind one address (a CI machine, an office) are no attack.
    scoreParams: { IPColocationFactorWeight: 0 },
  }
  const router = gossipsub(options)(components)
  if (!isStartable(router)) throw new Error('the router of pubsub cannot be started')
  takeReturned(router, own, hooks)
  restAlone(router, hooks)
  if (settings.router === 'floodsub') router.protocols = [FLOODSUB]
  router.topicValidators = new ForEveryTopic(async (_source, message) => {
    const plain = toPlain(message)
    return VERDICTS[plain === undefined ? 'reject' : await hooks.validate(plain, message.topic)]
  })
  router.addEventListener('gossipsub:message', ({ detail }) => {
    const plain = toPlain(detail.msg)
    if (plain !== undefined) hooks.deliver(plain, detail.msg.topic)
  })
  router.addEventListener('gossipsub:heartbeat', () => hooks.heartbeat())
  return router
}

/** Without peers, and without messages that are to be forgotten, there is nothing to keep in order. */
function restAlone(router: GossipSub, hooks: RouterHooks): void {
  const beat: unknown = Reflect.get(router, 'heartbeat')
  if (typeof beat !== 'function') throw new Error('the router of pubsub has no heartbeat')
  Reflect.set(router, 'heartbeat', async () => {
    const seen: unknown = Reflect.get(router, 'seenCache')
    const isEmpty = typeof seen === 'object' && seen !== null && Reflect.get(seen, 'size') === 0
    if (router.getPeers().length > 0 || !isEmpty) await beat.call(router)
    else hooks.heartbeat()
  })
}

/** Messages of this node that come back are known: they need no checking, and nobody else to hear of them. */
function takeReturned(router: GossipSub, own: Uint8Array, hooks: RouterHooks): void {
  const handle: unknown = Reflect.get(router, 'handleReceivedMessage')
  if (typeof handle !== 'function') throw new Error('the router of pubsub handles messages otherwise than expected')
  const take = async (source: PeerId, message: { from?: Uint8Array; seqno?: Uint8Array }): Promise<void> => {
    const { from = NOTHING, seqno = NOTHING } = message
    if (from.length === own.length && isOwn(own, from)) hooks.cameBack(source.toString(), Buffer.concat([from, seqno]))
    else await handle.call(router, source, message)
  }
  Reflect.set(router, 'handleReceivedMessage', take)
}

/** Returns whether an author, or an id that begins with one, is this node. */
function isOwn(own: Uint8Array, bytes: Uint8Array): boolean {
  return Buffer.compare(own, bytes.subarray(0, own.length)) === 0
}

function isStartable(router: GossipSub): router is Router {
  return 'start' in router && 'stop' in router
}

/** Author and number, as Go's nodes name messages: gossip about messages is understood only with equal names. */
function messageId(message: Message): Uint8Array {
  if (message.type !== 'signed') throw new Error('unsigned messages have no id')
  return Buffer.concat([message.from.toMultihash().bytes, seqnoBytes(message.sequenceNumber)])
}

function toPlain(message: Message): PubsubMessage | undefined {
  if (message.type !== 'signed') return undefined
  const { from, data, topic, sequenceNumber } = message
  return { from: from.toString(), data, seqno: seqnoBytes(sequenceNumber), topics: [Buffer.from(topic)] }
}

/** Validators by topic, of which there is one for all. */
class ForEveryTopic extends Map<string, TopicValidatorFn> {
  readonly #validate: TopicValidatorFn

  constructor(validate: TopicValidatorFn) {
    super()
    this.#validate = validate
  }

  override get(topic: string): TopicValidatorFn {
    return super.get(topic) ?? this.#validate
  }
}
