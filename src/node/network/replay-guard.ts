import type { Values } from '../../repo/roles.ts'

/** Where the highest sequence number of each peer is stored, in eight bytes, most significant first. */
const PREFIX = '/pubsub/seqno/'
/** Peers whose numbers are remembered; of more, those that were heard of least recently are forgotten. */
export const GUARDED_PEERS_MAX = 4_096
/** Numbers of one peer are gathered for so long before they are noted together. */
const NOTE_MS = 10_000

interface Heard {
  /** Numbers up to this one are refused: whatever had them is no longer in the cache of seen messages. */
  floor: bigint
  highest: bigint
  /** Highest numbers of short periods, oldest first, until they are old enough to raise the floor. */
  readonly notes: { readonly from: number; highest: bigint }[]
  isStored: boolean
}

/**
 * Refuses messages that are sent again after the cache of seen messages has forgotten them: the sequence numbers of a
 * peer only grow. Numbers are compared with those that the cache no longer covers, so that messages which overtake one
 * another lose nothing. The highest numbers are stored, for the next run.
 */
export class ReplayGuard {
  readonly #values: Values
  readonly #seenMs: number
  readonly #now: () => number
  readonly #peers = new Map<string, Heard>()
  readonly #loading = new Map<string, Promise<Heard>>()

  /** `seenMs` is how long the cache of seen messages remembers. */
  constructor(values: Values, seenMs: number, now: () => number = Date.now) {
    this.#values = values
    this.#seenMs = seenMs
    this.#now = now
  }

  /** Returns whether a message of a peer may be new, and remembers its number if so. Of known peers it says so at once. */
  accept(peer: string, seqno: bigint): boolean | Promise<boolean> {
    const heard = this.#peers.get(peer)
    return heard === undefined ? this.#meet(peer, seqno) : this.#judge(peer, heard, seqno)
  }

  async #meet(peer: string, seqno: bigint): Promise<boolean> {
    const loaded = await this.#load(peer)
    const isNew = this.#judge(peer, this.#peers.get(peer) ?? loaded, seqno)
    if (this.#peers.size > GUARDED_PEERS_MAX) await this.#forgetOldest()
    return isNew
  }

  #judge(peer: string, heard: Heard, seqno: bigint): boolean {
    // The peer moves to the end: the first ones are those to be forgotten.
    this.#peers.delete(peer)
    this.#peers.set(peer, heard)
    const now = this.#now()
    while (heard.notes.length > 0) {
      const [oldest] = heard.notes
      if (oldest === undefined || oldest.from > now - this.#seenMs) break
      if (oldest.highest > heard.floor) heard.floor = oldest.highest
      heard.notes.shift()
    }
    if (seqno <= heard.floor) return false
    if (seqno > heard.highest) {
      heard.highest = seqno
      heard.isStored = false
    }
    const last = heard.notes.at(-1)
    if (last === undefined || now - last.from >= Math.min(NOTE_MS, this.#seenMs)) {
      heard.notes.push({ from: now, highest: seqno })
    } else if (seqno > last.highest) last.highest = seqno
    return true
  }

  /** Stores what has changed. */
  async save(): Promise<void> {
    const changed = [...this.#peers].filter(([, heard]) => !heard.isStored)
    if (changed.length === 0) return
    for (const [, heard] of changed) heard.isStored = true
    await this.#values.batch(new Map(changed.map(([peer, heard]) => [PREFIX + peer, encode(heard.highest)])))
  }

  /** Forgets one peer, or all, here and in the repo. Returns how many. */
  async reset(peer?: string): Promise<number> {
    // What was heard and not yet stored counts too.
    await this.save()
    if (peer === undefined) this.#peers.clear()
    else this.#peers.delete(peer)
    return await forgetSequenceNumbers(this.#values, peer)
  }

  async #load(peer: string): Promise<Heard> {
    const loading = this.#loading.get(peer) ?? this.#read(peer)
    this.#loading.set(peer, loading)
    try {
      return await loading
    } finally {
      this.#loading.delete(peer)
    }
  }

  async #read(peer: string): Promise<Heard> {
    const stored = await this.#values.get(PREFIX + peer)
    const floor = stored?.length === 8 ? decode(stored) : 0n
    return { floor, highest: floor, notes: [], isStored: true }
  }

  async #forgetOldest(): Promise<void> {
    await this.save()
    const oldest = [...this.#peers.keys()].slice(0, Math.ceil(GUARDED_PEERS_MAX / 8))
    for (const peer of oldest) this.#peers.delete(peer)
    await this.#values.batch(new Map(oldest.map(peer => [PREFIX + peer, undefined])))
  }
}

/** Removes the stored sequence numbers of one peer, or of all. Returns of how many. */
export async function forgetSequenceNumbers(values: Values, peer?: string): Promise<number> {
  if (peer !== undefined) {
    if ((await values.get(PREFIX + peer)) === undefined) return 0
    await values.delete(PREFIX + peer)
    return 1
  }
  const keys = new Map<string, undefined>()
  for await (const { key } of values.list(PREFIX)) keys.set(key, undefined)
  await values.batch(keys)
  return keys.size
}

function encode(seqno: bigint): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, seqno)
  return bytes
}

function decode(bytes: Uint8Array): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0)
}
