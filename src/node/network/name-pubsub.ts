import type { Connection } from '@libp2p/interface'
import { Failure } from '../../contract/failure.ts'
import { formatName, isNameHash, routingKey } from '../ipns/name.ts'
import { checkRecord, compareRecords, type NameRecord, parseRecord } from '../ipns/record.ts'
import { keepFetched } from '../ipns/stored-names.ts'
import { fetchRecord, serveRecords } from './name-fetch.ts'
import type { Pubsub } from './network.ts'
import type { PartContext } from './parts.ts'

/** Names that are followed at a time; what comes beyond is found through routing alone. */
const NAMES_MAX = 1_000
/** Followers that are asked at once for the record they have. */
const ASKED_MAX = 4
/** Records are told again, for those who came later. */
const REPEAT_PERIOD_MS = 10 * 60_000

interface Followed {
  readonly name: Uint8Array
  readonly leaving: AbortController
  newest: NameRecord | undefined
}

/**
 * IPNS over pubsub: each name has a topic of its own, on which its records are published. Names that are asked for, or
 * published, are followed from then on. https://specs.ipfs.tech/ipns/ipns-pubsub-router/
 */
export class NamePubsub implements AsyncDisposable {
  readonly #context: PartContext
  readonly #pubsub: Pubsub
  readonly #followed = new Map<string, Followed>()
  readonly #timer: NodeJS.Timeout

  constructor(context: PartContext, pubsub: Pubsub) {
    this.#context = context
    this.#pubsub = pubsub
    this.#timer = setInterval(() => void this.#repeat(), REPEAT_PERIOD_MS).unref()
  }

  /** Begins to answer those who follow names, too. */
  async start(): Promise<void> {
    await serveRecords(this.#context.libp2p, key => this.newest(key.subarray('/ipns/'.length)))
  }

  /** Follows a name. Resolves when its topic has been subscribed to. */
  async follow(name: Uint8Array): Promise<Followed | undefined> {
    const key = formatName(name)
    const known = this.#followed.get(key)
    if (known !== undefined || this.#followed.size >= NAMES_MAX) return known
    const followed: Followed = { name, leaving: new AbortController(), newest: undefined }
    this.#followed.set(key, followed)
    const topic = topicOf(name)
    const subscribed = Promise.withResolvers<void>()
    this.#pubsub.check(topic, async ({ from, data }) => {
      const isOwn = from === this.#context.libp2p.peerId.toString()
      return await this.#take(followed, data, isOwn)
    })
    void this.#read(followed, topic, subscribed.resolve).catch(error => {
      this.#context.log('ipns', 'error', `${key} is no longer followed: ${String(error)}`)
      subscribed.resolve()
    })
    await subscribed.promise
    await this.#askFollowers(followed, topic)
    return followed
  }

  /** Tells those who follow a name of a record. Returns how many peers it was sent to. */
  async publish(name: Uint8Array, record: Uint8Array): Promise<number> {
    const followed = await this.follow(name)
    if (followed !== undefined) await this.#keep(followed, parseRecord(record))
    const { recipients } = await this.#pubsub.publish(topicOf(name), record)
    return recipients
  }

  /** Returns the newest record that came over pubsub. */
  newest(name: Uint8Array): Uint8Array | undefined {
    return isNameHash(name) ? this.#followed.get(formatName(name))?.newest?.bytes : undefined
  }

  subscriptions(): Uint8Array[] {
    return [...this.#followed.values()].map(({ name }) => name)
  }

  /** Follows a name no longer. Returns false when it was not followed. */
  cancel(name: Uint8Array): boolean {
    const followed = this.#followed.get(formatName(name))
    followed?.leaving.abort(new DOMException('the name is followed no longer', 'AbortError'))
    return this.#followed.delete(formatName(name))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    for (const name of this.subscriptions()) this.cancel(name)
  }

  /** Asks peers that follow the name already for what they know: they have not waited for us to come. */
  async #askFollowers(followed: Followed, topic: Uint8Array): Promise<void> {
    const { libp2p, signal, log } = this.#context
    const peers = new Set(this.#pubsub.peers(topic).slice(0, ASKED_MAX))
    const connections = libp2p.getConnections().filter(({ remotePeer }) => peers.delete(remotePeer.toString()))
    const ask = async (connection: Connection): Promise<void> => {
      const record = await fetchRecord(connection, routingKey(followed.name), signal)
      if (record !== undefined) await this.#take(followed, record, false)
    }
    for (const answer of await Promise.allSettled(connections.map(ask))) {
      if (answer.status === 'rejected') log('ipns', 'debug', `a follower did not answer: ${String(answer.reason)}`)
    }
  }

  /** Messages have been checked when they arrive here: there is nothing more to do with them. */
  async #read({ leaving }: Followed, topic: Uint8Array, onSubscribed: () => void): Promise<void> {
    const signal = AbortSignal.any([leaving.signal, this.#context.signal])
    try {
      for await (const _ of this.#pubsub.subscribe(topic, { signal, onSubscribed }));
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      this.#pubsub.check(topic, undefined)
    }
  }

  /** Returns whether a message is passed on: a valid record that is newer than what is known. */
  async #take(followed: Followed, data: Uint8Array, isOwn: boolean): Promise<boolean> {
    let record: NameRecord
    try {
      record = parseRecord(data)
      await checkRecord(record, followed.name)
    } catch (error) {
      if (error instanceof Failure) return false
      throw error
    }
    const order = followed.newest === undefined ? 1 : compareRecords(record, followed.newest)
    if (order > 0) await this.#keep(followed, record)
    return order > 0 || (order === 0 && isOwn)
  }

  async #keep(followed: Followed, record: NameRecord): Promise<void> {
    if (followed.newest !== undefined && compareRecords(record, followed.newest) <= 0) return
    followed.newest = record
    await keepFetched(this.#context.node.repo, followed.name, { bytes: record.bytes, fetchedAt: Date.now() })
  }

  async #repeat(): Promise<void> {
    for (const { name, newest } of [...this.#followed.values()]) {
      if (newest === undefined) continue
      try {
        await checkRecord(newest, name)
        await this.#pubsub.publish(topicOf(name), newest.bytes)
      } catch (error) {
        // It has expired, or nobody listens.
        if (!(error instanceof Failure)) this.#context.log('ipns', 'error', `${formatName(name)}: ${String(error)}`)
      }
    }
  }
}

/** Returns the topic of a name. https://specs.ipfs.tech/ipns/ipns-pubsub-router/#topic-format */
export function topicOf(name: Uint8Array): Uint8Array {
  return new TextEncoder().encode(`/record/${Buffer.from(routingKey(name)).toString('base64url')}`)
}
