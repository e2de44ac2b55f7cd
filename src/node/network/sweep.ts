import { setTimeout as later } from 'node:timers/promises'
import type { CID } from 'multiformats/cid'
import { Breath } from '../../repo/pause.ts'
import type { Values } from '../../repo/roles.ts'
import { type Key, type KeyspaceNetwork, PAUSE_MS, RegionalProvider } from './regional-provider.ts'
import { fractionOf, isIn, type Place, placeOf, prefixText, type Region } from './regions.ts'

/** Keys that are held at a time; to find the next ones all keys are looked through again. */
const HELD_MAX = 16_384
export interface SweepOptions {
  readonly values: Pick<Values, 'get' | 'put'>
  /** Yields all that is to be provided. */
  readonly keys: () => AsyncIterable<CID>
  readonly has: (cid: CID) => Promise<boolean>
  readonly intervalMs: number
  readonly signal: AbortSignal
  readonly pauseMs?: number
  readonly onProvided: (keys: { readonly told: number; readonly failed: number; readonly records: number }) => void
}

/** How far a sweep is. */
export interface SweepState {
  readonly cycleStart: number | undefined
  readonly cycleEnd: number | undefined
  readonly cycleMs: number
  readonly cycleKeys: number
  readonly cycleRegions: number
  /** Of the cycle before, or of this one while it is the first. */
  readonly regions: number
  readonly bits: number
  readonly peers: number
  readonly regionPeers: number
  readonly reached: number
  readonly nextAt: number | undefined
  readonly nextPrefix: string
  readonly isProviding: boolean
}

/** What was done in a cycle; bits and peers of regions are sums over them. */
interface Counted {
  readonly keys: number
  readonly regions: number
  readonly bits: number
  readonly regionPeers: number
  readonly peers: number
  readonly reached: number
}

const START: Place = new Uint8Array(32)

/**
 * Provides all keys once in each interval, in the order of the keyspace: each region when its time has come, all of its
 * keys with the lookups of one. Where it stands outlives the process.
 */
export class Sweep<P> {
  readonly #network: KeyspaceNetwork<P>
  readonly #provider: RegionalProvider<P>
  readonly #options: SweepOptions
  readonly #stateKey: string
  #start: number | undefined
  /** All before this place has been provided in this cycle; undefined: nothing was read from the repo yet. */
  #next: Place | undefined
  /** The first cycle of a repo is not spread: nobody knows of its keys yet. */
  #isFirst = false
  #held: Key[] = []
  #count = { keys: 0, regions: 0, bits: 0, regionPeers: 0, began: 0 }
  #counted: Region<P> | undefined
  readonly #peers = new Set<string>()
  readonly #reached = new Set<string>()
  #last: (Counted & { readonly at: number; readonly ms: number }) | undefined
  #isProviding = false
  /** There was nothing to provide when it was last looked for. */
  #foundNothing = false

  constructor(network: KeyspaceNetwork<P>, options: SweepOptions) {
    this.#network = network
    this.#provider = new RegionalProvider(network, options)
    this.#options = options
    this.#stateKey = `/local/reprovide/sweep/${network.name}`
  }

  get state(): SweepState {
    const [head] = this.#held
    // While a cycle is young the one before says more.
    const last = this.#last
    const now = this.#countNow()
    const { regions, bits, regionPeers, peers, reached } =
      last !== undefined && last.regions >= now.regions ? last : now
    const meanBits = regions === 0 ? -1 : bits / regions
    return {
      cycleStart: this.#start,
      cycleEnd: last?.at,
      cycleMs: last?.ms ?? 0,
      cycleKeys: last?.keys ?? 0,
      cycleRegions: last?.regions ?? 0,
      regions,
      bits: meanBits,
      peers,
      reached,
      regionPeers: regions === 0 ? 0 : regionPeers / regions,
      nextAt: head === undefined ? this.#start : this.#dueAt(head),
      nextPrefix: head === undefined ? '' : prefixText(head.place, Math.max(0, Math.round(meanBits))),
      isProviding: this.#isProviding,
    }
  }

  #countNow(): Counted {
    return { ...this.#count, peers: this.#peers.size, reached: this.#reached.size }
  }

  /** True while there is nobody to tell, or nothing is due. */
  get isResting(): boolean {
    if (this.#network.isEmpty() || this.#foundNothing) return true
    const [head] = this.#held
    if (this.#next === undefined || this.#isFirst) return false
    return Date.now() < (head === undefined ? (this.#start ?? 0) : this.#dueAt(head))
  }

  /** Says that there are keys now: they are looked for again soon. */
  noteKeys(): void {
    this.#foundNothing = false
  }

  /** Provides the regions whose time has come. Throws where a region cannot be explored; it is due then still. */
  async step(): Promise<void> {
    const { signal, values } = this.#options
    if (this.#network.isEmpty()) return
    if (this.#next === undefined) await this.#load()
    for (;;) {
      signal.throwIfAborted()
      if (this.#held.length === 0) {
        const from = this.#next ?? START
        this.#held = await this.#keysFrom(from)
        this.#foundNothing = this.#held.length === 0 && Buffer.compare(from, START) === 0
      }
      const [head] = this.#held
      if (head === undefined) {
        if (!(await this.#endCycle())) return
        continue
      }
      if (Date.now() < this.#dueAt(head)) return
      this.#isProviding = true
      try {
        this.#next = await this.#provideAt(head)
      } finally {
        this.#isProviding = false
      }
      await values.put(this.#stateKey, encodeState(this.#start ?? Date.now(), this.#next, this.#isFirst))
      await later(this.#options.pauseMs ?? PAUSE_MS, undefined, { signal, ref: false })
    }
  }

  #dueAt({ place }: Key): number {
    if (this.#isFirst) return 0
    return (this.#start ?? 0) + fractionOf(place) * this.#options.intervalMs
  }

  async #load(): Promise<void> {
    const stored = decodeState(await this.#options.values.get(this.#stateKey))
    this.#isFirst = stored?.isFirst ?? true
    this.#start = stored?.start ?? Date.now()
    this.#next = stored?.next ?? START
    this.#count.began = Date.now()
  }

  /** Begins the next cycle, and returns whether there is anything in it. */
  async #endCycle(): Promise<boolean> {
    const { keys, regions, began } = this.#count
    const isEmpty = keys === 0 && regions === 0
    const now = Date.now()
    if (!isEmpty) this.#last = { ...this.#countNow(), at: now, ms: now - began }
    const { intervalMs, values } = this.#options
    // Who was away for longer than a cycle begins anew, and does not run after it.
    this.#start = Math.max((this.#start ?? now) + intervalMs, now - intervalMs / 2)
    if (this.#isFirst || isEmpty) this.#start = now + (isEmpty ? 0 : intervalMs)
    this.#isFirst &&= isEmpty
    this.#next = START
    this.#count = { keys: 0, regions: 0, bits: 0, regionPeers: 0, began: now }
    this.#counted = undefined
    this.#peers.clear()
    this.#reached.clear()
    // With nothing to provide this is met again and again: it would wake the disk each time.
    if (isEmpty) return false
    await values.put(this.#stateKey, encodeState(this.#start, START, this.#isFirst))
    return true
  }

  /** Returns the first keys from a place on, in their order. */
  async #keysFrom(from: Place): Promise<Key[]> {
    const { signal, keys } = this.#options
    const breath = new Breath()
    let found: Key[] = []
    let last: Place | undefined
    const cut = (): void => {
      found.sort((one, other) => Buffer.compare(one.place, other.place))
      found = found.slice(0, HELD_MAX)
      last = found.length === HELD_MAX ? found.at(-1)?.place : undefined
    }
    for await (const cid of keys()) {
      const place = placeOf(cid.multihash.bytes)
      if (Buffer.compare(place, from) >= 0 && (last === undefined || Buffer.compare(place, last) < 0)) {
        found.push({ cid, place })
        if (found.length >= 2 * HELD_MAX) cut()
      }
      if (breath.due) await breath.take(signal)
    }
    cut()
    return found
  }

  /** Provides the keys of the region that a key lies in, and returns the place behind the last of them. */
  async #provideAt(head: Key): Promise<Place> {
    const region = await this.#provider.regionOf(head)
    this.#countRegion(region)
    const { count, reached, ...told } = await this.#provider.provideFirst(region, this.#held)
    for (const id of reached) this.#reached.add(id)
    this.#count.keys += told.told
    this.#options.onProvided(told)
    const last = this.#held[count - 1] ?? head
    this.#held = this.#held.slice(count)
    return behind(last.place)
  }

  /** Once for each cycle, however often it is explored anew. */
  #countRegion(region: Region<P>): void {
    if (this.#counted !== undefined && isIn(this.#counted, region.place)) return
    this.#counted = region
    this.#count.regions += 1
    this.#count.bits += region.bits
    this.#count.regionPeers += region.peers.length
    for (const { id } of region.peers) this.#peers.add(id)
  }
}

/** Returns the place that follows. */
function behind(place: Place): Place {
  const next = Uint8Array.from(place)
  for (let at = next.length - 1; at >= 0; at--) {
    next[at] = ((next[at] ?? 0) + 1) & 0xff
    if (next[at] !== 0) return next
  }
  return new Uint8Array(next.length).fill(0xff)
}

/** A flag for the first cycle, when the cycle began (milliseconds since 1970), and the place from which on it is to be done. */
function encodeState(start: number, next: Place, isFirst: boolean): Uint8Array {
  const bytes = new Uint8Array(41)
  bytes[0] = isFirst ? 1 : 0
  new DataView(bytes.buffer).setBigUint64(1, BigInt(Math.round(start)))
  bytes.set(next, 9)
  return bytes
}

function decodeState(bytes: Uint8Array | undefined): { start: number; next: Place; isFirst: boolean } | undefined {
  if (bytes === undefined || bytes.length !== 41) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return { isFirst: bytes[0] === 1, start: Number(view.getBigUint64(1)), next: bytes.slice(9) }
}
