import type { CID } from 'multiformats/cid'
import { keyOf, readCid } from './cid.ts'
import { WANTS_PER_PEER_MAX } from './limits.ts'
import type { Session } from './session.ts'
import type { Sender } from './streams.ts'
import { encodeWants, type Presence, type WantEntry, type WantType } from './wire.ts'

/** Entries in one message of wants. */
const ENTRIES_PER_MESSAGE = 1024

/** A block that is wanted, as sessions and peers know it. */
export interface Wanted {
  readonly cid: CID
  readonly key: string
}

interface Outstanding {
  readonly type: WantType
  /** The peer has been told of the want, if as another type. */
  isSent: boolean
}

/** What we want of one peer. */
export class PeerClient {
  readonly id: string
  readonly #sender: Sender
  /** What the peer was asked for, and has not answered with a block or HAVE. */
  readonly #outstanding = new Map<string, Outstanding>()
  readonly #unsent = new Map<string, WantEntry>()
  readonly #onLost: () => void
  #isFirst = true
  #isFlushing = false
  #priority = 1_000_000_000

  constructor(id: string, sender: Sender, onLost: () => void) {
    this.id = id
    this.#sender = sender
    this.#onLost = onLost
  }

  /** How many more wants it may be told. */
  get room(): number {
    return WANTS_PER_PEER_MAX - this.#outstanding.size
  }

  /** Asks for a block, or whether it is there. Asking again for the same does nothing. */
  ask(wanted: Wanted, type: WantType): void {
    const there = this.#outstanding.get(wanted.key)
    if (there !== undefined && (there.type === 'block' || there.type === type)) return
    if (there === undefined && this.room <= 0) return
    this.#outstanding.set(wanted.key, { type, isSent: there?.isSent === true })
    this.#priority -= 1
    this.#put(wanted.key, {
      cid: wanted.cid.bytes,
      priority: this.#priority,
      cancel: false,
      type: this.#sender.supportsHave ? type : 'block',
      sendDontHave: true,
    })
  }

  /** Takes a want back. */
  cancel({ key, cid }: Wanted): void {
    const there = this.#outstanding.get(key)
    if (there === undefined) return
    this.#outstanding.delete(key)
    this.#unsent.delete(key)
    if (there.isSent) this.#put(key, { cid: cid.bytes, priority: 1, cancel: true, type: 'block', sendDontHave: false })
  }

  /** Says that the peer has answered: it forgets a want when it sends the block, or HAVE. */
  answered(key: string, answer: 'block' | 'have' | 'dont-have'): void {
    const there = this.#outstanding.get(key)
    if (there === undefined) return
    if (answer === 'block' || (answer === 'have' && there.type === 'have')) this.#outstanding.delete(key)
  }

  #put(key: string, entry: WantEntry): void {
    this.#unsent.set(key, entry)
    if (this.#isFlushing) return
    this.#isFlushing = true
    // What is asked for in one go travels in one message.
    queueMicrotask(() => {
      this.#flush().catch(() => this.#onLost())
    })
  }

  async #flush(): Promise<void> {
    try {
      while (this.#unsent.size > 0) {
        const entries: WantEntry[] = []
        for (const [key, entry] of this.#unsent) {
          if (entries.length >= ENTRIES_PER_MESSAGE) break
          this.#unsent.delete(key)
          entries.push(entry)
          const there = this.#outstanding.get(key)
          if (there !== undefined) there.isSent = true
        }
        // A peer may remember us from before: the first list replaces what it knows.
        const full = this.#isFirst
        this.#isFirst = false
        await this.#sender.send([encodeWants(entries, full)])
      }
    } finally {
      this.#isFlushing = false
    }
  }

  /** Gets ready to ask. */
  prepare(): void {
    this.#sender.prepare()
  }

  /** True when it has been asked, or is about to be. */
  get isPrepared(): boolean {
    return this.#sender.protocol !== undefined
  }

  close(): void {
    this.#unsent.clear()
    this.#outstanding.clear()
    this.#sender.close()
  }
}

/** What waits for blocks: a session. */
export type Asker = Pick<
  Session,
  'cidOf' | 'peerConnected' | 'peerGone' | 'blockArrived' | 'presence' | 'schedule' | 'heardFrom'
>

/** Asks peers for blocks on behalf of sessions. */
export class BitswapClient {
  readonly #peers = new Map<string, PeerClient>()
  readonly #newSender: (peer: string) => Sender
  /** Who waits for a block. */
  readonly #interest = new Map<string, Set<Asker>>()
  readonly #sessions = new Set<Asker>()

  constructor(newSender: (peer: string) => Sender) {
    this.#newSender = newSender
  }

  /** The ids of connected peers, those that answered in a session of ours first. */
  peers(): string[] {
    return [...this.#peers.keys()]
  }

  wantlist(): CID[] {
    const cids: CID[] = []
    for (const [key, sessions] of this.#interest) {
      for (const session of sessions) {
        const cid = session.cidOf(key)
        if (cid === undefined) continue
        cids.push(cid)
        break
      }
    }
    return cids
  }

  connected(id: string): void {
    if (this.#peers.has(id)) return
    const peer = new PeerClient(id, this.#newSender(id), () => this.#lost(id))
    this.#peers.set(id, peer)
    for (const session of this.#sessions) session.peerConnected(peer)
  }

  disconnected(id: string): void {
    const peer = this.#peers.get(id)
    if (peer === undefined) return
    this.#peers.delete(id)
    peer.close()
    for (const session of this.#sessions) session.peerGone(id)
  }

  /** A peer that does not take our wants, because it speaks no Bitswap or is stuck, is not asked again. */
  #lost(id: string): void {
    this.disconnected(id)
  }

  peer(id: string): PeerClient | undefined {
    return this.#peers.get(id)
  }

  *allPeers(): Iterable<PeerClient> {
    yield* this.#peers.values()
  }

  open(session: Asker): void {
    this.#sessions.add(session)
  }

  close(session: Asker): void {
    this.#sessions.delete(session)
  }

  interested(session: Asker, wanted: Wanted): void {
    let sessions = this.#interest.get(wanted.key)
    if (sessions === undefined) {
      sessions = new Set()
      this.#interest.set(wanted.key, sessions)
    }
    sessions.add(session)
  }

  /** The session has given up on a block: peers are told, unless another session waits for it. */
  uninterested(session: Asker, wanted: Wanted): void {
    const sessions = this.#interest.get(wanted.key)
    if (sessions === undefined || !sessions.delete(session) || sessions.size > 0) return
    this.#interest.delete(wanted.key)
    for (const peer of this.#peers.values()) peer.cancel(wanted)
  }

  /** Returns the CID under which a block is wanted; undefined when it is not. */
  wantedCid(key: string): CID | undefined {
    const sessions = this.#interest.get(key)
    if (sessions === undefined) return undefined
    for (const session of sessions) return session.cidOf(key)
    return undefined
  }

  /** A wanted block has come. `from` is undefined when no peer sent it. */
  received(wanted: Wanted, bytes: Uint8Array, from: string | undefined): void {
    const sessions = this.#interest.get(wanted.key)
    this.#interest.delete(wanted.key)
    for (const [id, peer] of this.#peers) {
      if (id === from) peer.answered(wanted.key, 'block')
      else peer.cancel(wanted)
    }
    for (const session of sessions ?? []) session.blockArrived(wanted.key, bytes, from)
  }

  /** Peers said what they have and have not. */
  presences(id: string, presences: readonly Presence[]): void {
    const peer = this.#peers.get(id)
    if (peer === undefined) return
    const touched = new Set<Asker>()
    for (const { cid: bytes, has } of presences) {
      const cid = readCid(bytes)
      if (cid === undefined) continue
      const key = keyOf(cid)
      peer.answered(key, has ? 'have' : 'dont-have')
      for (const session of this.#interest.get(key) ?? []) {
        session.presence(peer, key, has)
        touched.add(session)
      }
    }
    for (const session of touched) session.schedule()
  }

  /** A peer has sent something: sessions that wait for it are patient. */
  heardFrom(id: string): void {
    for (const session of this.#sessions) session.heardFrom(id)
  }
}
