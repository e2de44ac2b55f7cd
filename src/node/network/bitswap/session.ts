import type { CID } from 'multiformats/cid'
import { keyOf } from './cid.ts'
import type { BitswapClient, PeerClient, Wanted } from './client.ts'

const TICK_MS = 250
/** Wants that everybody is asked for at a time, while nobody is known to have them. */
const BROADCAST_MAX = 64
const WINDOW_FIRST = 64
const WINDOW_MAX = 768
/** Answers that take longer come from afar: the window grows faster, so that a few round trips fill the line. */
const FAR_MS = 50
const FAR_GROWTH = 4
/** A peer that has kept a want for so long is slow: another one that may have the block is asked too. */
const SLOW_MS = 3000
/** After so many DONT_HAVE in a row a peer is not asked by this session any longer. */
const DENIALS_MAX = 16
/** How long connected peers have to answer before providers are looked for. */
const PROVIDERS_AFTER_MS = 300
const PROVIDERS_AGAIN_MS = 10_000

/** Finds peers that have a block, and connects to them. */
export type FindProviders = (cid: CID, options: { signal: AbortSignal }) => AsyncIterable<string>

/** Why a block is waited for no longer: nobody had it in time, nothing came in time, or nobody is left to ask. */
export type GivenUp = 'lookup' | 'stall' | 'nobody'

export interface SessionOptions {
  readonly findProviders?: FindProviders | undefined
  /** Returns true when no peer is to be expected any more but those that are connected; without it they always are. */
  readonly isComplete?: (() => boolean) | undefined
  /** Called when a block was waited for in vain. Returns what the caller is told. */
  readonly giveUp: (wanted: Wanted, why: GivenUp, session: Session) => Error
  readonly lookupTimeoutMs: number
  readonly stallTimeoutMs: number
}

interface Waiter {
  resolve(bytes: Uint8Array): void
  reject(error: unknown): void
}

interface Want extends Wanted {
  readonly waiters: Set<Waiter>
  /** Who was asked for the block last. */
  target: SessionPeer | undefined
  askedAt: number
  readonly since: number
  readonly haves: Set<string>
  readonly denied: Set<string>
  isBroadcast: boolean
  /** Somebody was found who has it, or seems to. */
  isFound: boolean
}

class SessionPeer {
  readonly client: PeerClient
  inFlight = 0
  window = WINDOW_FIRST
  denials = 0
  blocks = 0
  /** Milliseconds from asking to receiving, smoothed. */
  latencyMs = 0

  constructor(client: PeerClient) {
    this.client = client
  }

  get hasRoom(): boolean {
    return this.inFlight < this.window && this.client.room > 0
  }
}

/** What was tried for a session, for people to read. */
export interface Tried {
  readonly peers: number
  readonly providers: number
  readonly searches: number
}

/**
 * Fetches blocks that belong together. Peers that had one are asked for the others first, many at a time; everybody is
 * asked only while nobody is known to have a block.
 */
export class Session {
  readonly #client: BitswapClient
  readonly #options: SessionOptions
  readonly #wants = new Map<string, Want>()
  /** Wants that nobody was asked for yet. */
  readonly #queue = new Set<Want>()
  readonly #peers = new Map<string, SessionPeer>()
  readonly #asked = new Set<string>()
  readonly #found = new Set<string>()
  readonly #stop = new AbortController()
  #searches = 0
  #searching = false
  #searchedAt = 0
  #lastBytesAt = Date.now()
  #broadcasts = 0
  #timer: NodeJS.Timeout | undefined
  #isScheduled = false
  #isClosed = false
  #blocks = 0
  #bytes = 0

  constructor(client: BitswapClient, options: SessionOptions) {
    this.#client = client
    this.#options = options
    client.open(this)
  }

  /** How many blocks are waited for, how many have come, and their bytes. */
  get progress(): { readonly wants: number; readonly blocks: number; readonly bytes: number } {
    return { wants: this.#wants.size, blocks: this.#blocks, bytes: this.#bytes }
  }

  /** True while peers are known that answer in this session. */
  get hasPeers(): boolean {
    return this.#peers.size > 0
  }

  get tried(): Tried {
    return { peers: this.#asked.size, providers: this.#found.size, searches: this.#searches }
  }

  cidOf(key: string): CID | undefined {
    return this.#wants.get(key)?.cid
  }

  /** Resolves with the bytes, which have been checked. Rejects with what `giveUp` says, or when the signal aborts. */
  want(cid: CID, signal?: AbortSignal): Promise<Uint8Array> {
    if (this.#isClosed) return Promise.reject(new Error('the session was closed'))
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    const want = this.#wants.get(keyOf(cid)) ?? this.#begin(cid)
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        want.waiters.delete(waiter)
        if (want.waiters.size === 0) this.#drop(want, signal?.reason)
        reject(signal?.reason)
      }
      const waiter: Waiter = {
        resolve(bytes) {
          signal?.removeEventListener('abort', onAbort)
          resolve(bytes)
        },
        reject(error) {
          signal?.removeEventListener('abort', onAbort)
          reject(error)
        },
      }
      want.waiters.add(waiter)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  #begin(cid: CID): Want {
    const now = Date.now()
    if (this.#wants.size === 0) this.#lastBytesAt = now
    const want: Want = {
      ...{ cid, key: keyOf(cid), waiters: new Set<Waiter>(), target: undefined, askedAt: now, since: now },
      ...{ haves: new Set<string>(), denied: new Set<string>(), isBroadcast: false, isFound: false },
    }
    this.#wants.set(want.key, want)
    this.#queue.add(want)
    this.#client.interested(this, want)
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS)
    this.#scheduleSoon()
    return want
  }

  #scheduleSoon(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    // Wants that are made in one go are spread together.
    queueMicrotask(() => {
      this.#isScheduled = false
      this.schedule()
    })
  }

  /** Asks for what nobody was asked for yet, as far as the windows allow. */
  schedule(): void {
    for (const want of this.#queue) {
      const peer = this.#choose(want)
      if (peer !== undefined) this.#askBlock(want, peer)
      else if (this.#mayHave(want)) {
        // Those who may have it are busy. If all are, so they are for the next ones.
        if (!this.#anyRoom()) return
      } else if (want.isBroadcast || this.#broadcasts < BROADCAST_MAX) {
        this.#queue.delete(want)
        this.#broadcast(want)
      } else if (this.#peers.size === 0) return
    }
  }

  #anyRoom(): boolean {
    for (const peer of this.#peers.values()) if (peer.hasRoom) return true
    return false
  }

  #mayHave(want: Want): boolean {
    for (const id of this.#peers.keys()) if (!want.denied.has(id)) return true
    return false
  }

  /** Returns the peer that is likely to send the block first. */
  #choose(want: Want, except?: SessionPeer): SessionPeer | undefined {
    let best: SessionPeer | undefined
    let bestScore = Number.POSITIVE_INFINITY
    for (const [id, peer] of this.#peers) {
      if (peer === except || want.denied.has(id) || !peer.hasRoom) continue
      const share = (peer.inFlight + 1) / peer.window
      const score = (want.haves.has(id) ? share : share + 1) + peer.denials / DENIALS_MAX
      if (score >= bestScore) continue
      best = peer
      bestScore = score
    }
    return best
  }

  #askBlock(want: Want, peer: SessionPeer): void {
    this.#queue.delete(want)
    this.#release(want)
    want.target = peer
    want.askedAt = Date.now()
    peer.inFlight += 1
    this.#asked.add(peer.client.id)
    peer.client.ask(want, 'block')
  }

  #release(want: Want): void {
    if (want.target !== undefined) want.target.inFlight -= 1
    want.target = undefined
  }

  #broadcast(want: Want): void {
    if (!want.isBroadcast) {
      want.isBroadcast = true
      this.#broadcasts += 1
    }
    // One peer is asked for the block itself: when it has it, that saves a round trip.
    let isFirst = this.#peers.size === 0
    for (const peer of this.#client.allPeers()) {
      if (want.denied.has(peer.id)) continue
      this.#asked.add(peer.id)
      peer.ask(want, isFirst ? 'block' : 'have')
      isFirst = false
    }
    if (isFirst) this.#search()
  }

  #join(client: PeerClient): SessionPeer {
    let peer = this.#peers.get(client.id)
    if (peer === undefined) {
      peer = new SessionPeer(client)
      this.#peers.set(client.id, peer)
    }
    return peer
  }

  /** A peer has connected: it is asked for what nobody has. */
  peerConnected(client: PeerClient): void {
    for (const want of this.#wants.values()) {
      if (!want.isBroadcast || want.target !== undefined) continue
      this.#asked.add(client.id)
      client.ask(want, this.#peers.size === 0 ? 'block' : 'have')
    }
  }

  peerGone(id: string): void {
    const peer = this.#peers.get(id)
    this.#peers.delete(id)
    for (const want of this.#wants.values()) {
      want.haves.delete(id)
      want.denied.delete(id)
      if (want.target !== peer || peer === undefined) continue
      this.#release(want)
      this.#queue.add(want)
    }
    this.#scheduleSoon()
  }

  /** A peer has said whether it has a block. `schedule` is to be called after the last one. */
  presence(client: PeerClient, key: string, has: boolean): void {
    const want = this.#wants.get(key)
    if (want === undefined) return
    if (has) {
      want.denied.delete(client.id)
      want.haves.add(client.id)
      want.isFound = true
      this.#join(client)
      if (want.target === undefined) this.#queue.add(want)
      return
    }
    want.haves.delete(client.id)
    want.denied.add(client.id)
    const peer = this.#peers.get(client.id)
    if (peer !== undefined) {
      peer.denials += 1
      if (peer.denials >= DENIALS_MAX && peer.inFlight <= 1) this.#peers.delete(client.id)
    }
    if (want.target !== undefined && want.target === peer) {
      this.#release(want)
      this.#queue.add(want)
    }
    if (want.target === undefined && !this.#queue.has(want) && this.#allDenied(want)) this.#search()
  }

  #allDenied(want: Want): boolean {
    for (const peer of this.#client.allPeers()) if (!want.denied.has(peer.id)) return false
    return true
  }

  heardFrom(id: string): void {
    if (this.#peers.has(id)) this.#lastBytesAt = Date.now()
  }

  /** A block has arrived and was checked. */
  blockArrived(key: string, bytes: Uint8Array, from: string | undefined): void {
    const want = this.#wants.get(key)
    if (want === undefined) return
    const now = Date.now()
    this.#lastBytesAt = now
    this.#blocks += 1
    this.#bytes += bytes.length
    const client = from === undefined ? undefined : this.#client.peer(from)
    if (client !== undefined) {
      const peer = this.#join(client)
      peer.denials = 0
      peer.blocks += 1
      if (want.target === peer) {
        const took = now - want.askedAt
        peer.latencyMs = peer.latencyMs === 0 ? took : peer.latencyMs * 0.8 + took * 0.2
        // The window grows while answers come quickly, as that of TCP does.
        if (took < 1000) peer.window = Math.min(WINDOW_MAX, peer.window + (took > FAR_MS ? FAR_GROWTH : 1))
        else if (took > SLOW_MS) peer.window = Math.max(WINDOW_FIRST, Math.floor(peer.window * 0.75))
      }
    }
    this.#forget(want)
    for (const waiter of want.waiters) waiter.resolve(bytes)
    if (this.#queue.size > 0) this.#scheduleSoon()
  }

  #forget(want: Want): void {
    this.#release(want)
    if (want.isBroadcast) this.#broadcasts -= 1
    this.#queue.delete(want)
    this.#wants.delete(want.key)
    if (this.#wants.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #drop(want: Want, reason: unknown): void {
    this.#forget(want)
    this.#client.uninterested(this, want)
    for (const waiter of want.waiters) waiter.reject(reason)
  }

  #tick(): void {
    const now = Date.now()
    for (const want of this.#wants.values()) {
      const { lookupTimeoutMs, stallTimeoutMs } = this.#options
      const waited = now - Math.max(want.since, this.#lastBytesAt)
      if (want.isFound || this.#peers.size > 0) {
        if (waited > stallTimeoutMs) this.#drop(want, this.#options.giveUp(want, 'stall', this))
      } else if (now - want.since > lookupTimeoutMs) this.#drop(want, this.#options.giveUp(want, 'lookup', this))
      if (this.#isHopeless(want)) this.#drop(want, this.#options.giveUp(want, 'nobody', this))
      if (want.target === undefined) {
        if (now - want.since > PROVIDERS_AFTER_MS) this.#search()
      } else if (now - want.askedAt > SLOW_MS) this.#askAnother(want, want.target)
    }
    this.schedule()
  }

  /** Everybody has said no, providers were looked for in vain, and nobody else is to come. */
  #isHopeless(want: Want): boolean {
    const { isComplete, findProviders } = this.#options
    if (isComplete === undefined || this.#searching || !this.#allDenied(want)) return false
    return (findProviders === undefined || this.#searches > 0) && isComplete()
  }

  #askAnother(want: Want, slow: SessionPeer): void {
    const other = this.#choose(want, slow)
    slow.window = Math.max(WINDOW_FIRST / 4, Math.floor(slow.window / 2))
    if (other !== undefined) this.#askBlock(want, other)
    else {
      want.askedAt = Date.now()
      // Whoever else is there is asked whether he has it.
      this.#broadcast(want)
      this.#search()
    }
  }

  /** Looks for providers of the block that is waited for longest, unless that was done a moment ago. */
  #search(): void {
    const { findProviders } = this.#options
    if (findProviders === undefined || this.#searching || this.#isClosed) return
    if (this.#searches > 0 && Date.now() - this.#searchedAt < PROVIDERS_AGAIN_MS) return
    let oldest: Want | undefined
    for (const want of this.#wants.values()) {
      if (want.target !== undefined && Date.now() - want.askedAt <= SLOW_MS) continue
      oldest = want
      break
    }
    if (oldest === undefined) return
    this.#searching = true
    this.#searches += 1
    const { cid } = oldest
    this.#collect(findProviders(cid, { signal: this.#stop.signal }))
      .catch(() => undefined)
      .finally(() => {
        this.#searching = false
        this.#searchedAt = Date.now()
      })
  }

  async #collect(providers: AsyncIterable<string>): Promise<void> {
    for await (const id of providers) {
      this.#found.add(id)
      const client = this.#client.peer(id)
      if (client === undefined) continue
      this.#join(client)
      for (const want of this.#wants.values()) if (want.target === undefined) this.#queue.add(want)
      this.schedule()
    }
  }

  /** Takes all wants back. */
  close(reason: unknown = new Error('the session was closed')): void {
    this.#isClosed = true
    this.#stop.abort(reason)
    clearInterval(this.#timer)
    for (const want of [...this.#wants.values()]) this.#drop(want, reason)
    this.#client.close(this)
  }
}
