import { setTimeout as later } from 'node:timers/promises'
import type { CID } from 'multiformats/cid'
import { Breath } from '../../repo/pause.ts'
import {
  exploreRegion,
  isIn,
  keepersOf,
  type Lookup,
  type Neighbour,
  type Place,
  placeOf,
  type Region,
} from './regions.ts'
import { overEach } from './workers.ts'

/** Peers that are sent records at a time. */
const PEERS_AT_ONCE = 8
/** Keys that are provided in one go, and the pause behind them: what fetches and serves must not notice. */
const KEYS_AT_ONCE = 256
export const PAUSE_MS = 100
/** A region that was explored is taken to be as it was for so long. */
const KNOWN_MS = 60_000

/** A DHT, as far as providing needs it. */
export interface KeyspaceNetwork<P> {
  readonly name: string
  /** Peers that keep a record. */
  readonly replication: number
  isEmpty(): boolean
  lookup(name: Uint8Array, signal: AbortSignal): ReturnType<Lookup<P>>
  /** Tells a peer that this node has blocks. Returns how many records went out. */
  send(peer: P, cids: readonly CID[], signal: AbortSignal): Promise<number>
  /** Notes that this node has told others of a block. */
  announced(cid: CID): Promise<void>
}

/** A block, and where in the keyspace it lies. */
export interface Key {
  readonly cid: CID
  readonly place: Place
}

/** What came of providing keys. */
export interface Told {
  /** Keys that somebody took. */
  readonly told: number
  /** Keys that are here, and nobody took. */
  readonly failed: number
  readonly records: number
  /** Peers that took some. */
  readonly reached: readonly string[]
}

/** Provides keys that lie close together with the lookups of the region that they lie in, not with one for each. */
export class RegionalProvider<P> {
  readonly network: KeyspaceNetwork<P>
  readonly #has: (cid: CID) => Promise<boolean>
  readonly #signal: AbortSignal
  #known: { readonly region: Region<P>; readonly until: number } | undefined

  constructor(network: KeyspaceNetwork<P>, options: { has: (cid: CID) => Promise<boolean>; signal: AbortSignal }) {
    this.network = network
    this.#has = options.has
    this.#signal = options.signal
  }

  /** Returns the region that a key lies in. Throws where it cannot be explored. */
  async regionOf({ cid, place }: Key): Promise<Region<P>> {
    const known = this.#known
    if (known !== undefined && Date.now() < known.until && isIn(known.region, place)) return known.region
    const lookup: Lookup<P> = name => this.network.lookup(name, this.#signal)
    const region = await exploreRegion(cid.multihash.bytes, lookup, this.network.replication)
    this.#known = { region, until: Date.now() + KNOWN_MS }
    return region
  }

  /** Provides the first of some keys, in the order of the keyspace, that lie in a region: one at least. */
  async provideFirst(region: Region<P>, keys: readonly Key[]): Promise<Told & { readonly count: number }> {
    let count = 1
    for (let key = keys[count]; count < KEYS_AT_ONCE && key !== undefined && isIn(region, key.place); key = keys[count])
      count += 1
    return { ...(await this.#provide(region, keys.slice(0, count))), count }
  }

  /**
   * Returns true when so many keys lie close enough together. To know all peers of a region takes several lookups: in a
   * large network a few keys, each in a region of its own, are better provided with a lookup each.
   */
  async pays(cids: readonly CID[]): Promise<boolean> {
    const [first] = cids
    if (first === undefined) return false
    const { bits, lookups } = await this.regionOf({ cid: first, place: placeOf(first.multihash.bytes) })
    return cids.length / 2 ** bits > lookups
  }

  /** Provides many keys, and rests between some and the next: `rest` resolves when it may go on. */
  async provideAll(cids: readonly CID[], rest: () => Promise<void>): Promise<Told> {
    const keys = cids.map((cid): Key => ({ cid, place: placeOf(cid.multihash.bytes) }))
    keys.sort((one, other) => Buffer.compare(one.place, other.place))
    const reached = new Set<string>()
    const sum = { told: 0, failed: 0, records: 0 }
    for (let at = 0, head = keys[0]; head !== undefined; head = keys[at]) {
      await rest()
      const done = await this.provideFirst(await this.regionOf(head), keys.slice(at))
      at += done.count
      sum.told += done.told
      sum.failed += done.failed
      sum.records += done.records
      for (const id of done.reached) reached.add(id)
      if (at < keys.length) await later(PAUSE_MS, undefined, { signal: this.#signal, ref: false })
    }
    return { ...sum, reached: [...reached] }
  }

  async #provide(region: Region<P>, keys: readonly Key[]): Promise<Told> {
    const signal = this.#signal
    const shares = new Map<string, { readonly neighbour: Neighbour<P>; readonly cids: CID[] }>()
    const breath = new Breath()
    const here: CID[] = []
    for (const { cid, place } of keys) {
      if (!(await this.#has(cid))) continue
      here.push(cid)
      for (const neighbour of keepersOf(region, place, this.network.replication)) {
        const share = shares.get(neighbour.id)
        if (share === undefined) shares.set(neighbour.id, { neighbour, cids: [cid] })
        else share.cids.push(cid)
      }
      if (breath.due) await breath.take(signal)
    }
    const told = new Set<CID>()
    const reached: string[] = []
    let records = 0
    await overEach(shares.values(), PEERS_AT_ONCE, async ({ neighbour, cids }) => {
      try {
        const sent = await this.network.send(neighbour.peer, cids, signal)
        records += sent
        if (sent > 0) reached.push(neighbour.id)
        for (const cid of cids.slice(0, sent)) told.add(cid)
      } catch {
        // Others keep the records of this peer's keys, too; the counts tell.
        signal.throwIfAborted()
      }
    })
    for (const cid of told) await this.network.announced(cid)
    return { told: told.size, failed: here.length - told.size, records, reached }
  }
}
