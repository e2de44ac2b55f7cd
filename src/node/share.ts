import type { CID } from 'multiformats/cid'
import type { SourceEntry } from '../contract/source.ts'
import type { Blocks, Waiting } from '../repo/roles.ts'
import { childrenOf, visitDag } from './dag-walk.ts'
import { addAll } from './importer/add.ts'
import { ADD_PLAIN } from './importer/plain-options.ts'
import { keyOf } from './network/bitswap/cid.ts'
import type { BitswapWatcher, Swarm } from './network/network.ts'
import type { Node } from './node.ts'
import { addPin } from './pinner.ts'
import { TICKET_ADDRESSES_MAX } from './ticket.ts'

/** How long the last peer is waited for to go away with what it was sent. */
const LEAVING_MS_MAX = 3_000
/** How long a peer that has the end, but took no more, is taken to be at work still. */
const QUIET_MS = 3_000
const LOOPBACK = /^\/(ip4\/127\.|ip6\/::1\/)/

/** What was added to be shared. */
export interface Shared {
  /** The folder that holds what was named, so that a single file keeps its name. */
  readonly root: CID
  /** The only entry of the root; undefined when there are several, or it has no name. */
  readonly name: string | undefined
  /** What was named; the root when there are several. */
  readonly cid: CID
  readonly size: number
}

/** Adds what a source yields in a folder around it all, and pins only what was named, if that is asked for. */
export async function addShared(
  node: Node,
  source: AsyncIterable<SourceEntry>,
  options: Waiting & { readonly pin: boolean },
): Promise<Shared> {
  const { signal } = options
  const tops: { name: string; cid: CID; size: number }[] = []
  let root: { cid: CID; size: number } | undefined
  for await (const event of addAll(node, source, { ...ADD_PLAIN, wrapWithDirectory: true, pin: false, signal })) {
    if (!('cid' in event) || event.name.includes('/')) continue
    if (event.name === '') root = event
    else tops.push(event)
  }
  if (root === undefined) throw new Error('the folder around what is shared was not made')
  const [only] = tops
  const isNamed = tops.length === 1 && only !== undefined && only.name !== only.cid.toString()
  const cid = tops.length === 1 && only !== undefined ? only.cid : root.cid
  if (options.pin) await addPin(node, cid, { signal })
  const size = (tops.length === 1 ? only : root)?.size ?? 0
  return isNamed ? { root: root.cid, name: only.name, cid, size } : { root: cid, name: undefined, cid, size }
}

/** Returns the addresses to hand out: those of loopback only when there are no others. */
export function sharedAddresses(swarm: Pick<Swarm, 'addresses'>): string[] {
  const all = swarm.addresses()
  const others = all.filter(address => !LOOPBACK.test(address))
  return (others.length > 0 ? others : all).slice(0, TICKET_ADDRESSES_MAX)
}

/** What one peer has taken. */
interface Taken {
  /** One byte a block: 1 once it was sent. */
  readonly blocks: Uint8Array
  count: number
  hasEnd: boolean
  lastSentAt: number
}

/**
 * Counts who has fetched a DAG. A peer has when every block was sent to it; or when the last leaf was, and it then went
 * away or took nothing more for a while: it had the rest already.
 */
export class FetchCounter implements BitswapWatcher {
  readonly #numbers: ReadonlyMap<string, number>
  readonly #end: string
  readonly #peers = new Map<string, Taken>()
  readonly #fetched: string[] = []
  /** Peers that have fetched it all, and are connected still. */
  readonly #leaving = new Set<string>()
  #wake: () => void = () => undefined

  private constructor(numbers: ReadonlyMap<string, number>, end: string) {
    this.#numbers = numbers
    this.#end = end
  }

  /** All of the DAG must be here. */
  static async of(blocks: Blocks, root: CID, { signal }: Waiting): Promise<FetchCounter> {
    const numbers = new Map<string, number>()
    for await (const { cid } of visitDag(blocks, [root], { signal })) {
      // What lies in its CID is never sent.
      if (cid.multihash.code !== 0) numbers.set(keyOf(cid), numbers.get(keyOf(cid)) ?? numbers.size)
    }
    return new FetchCounter(numbers, keyOf(await lastLeaf(blocks, root, { signal })))
  }

  has(cid: CID): boolean {
    return this.#numbers.has(keyOf(cid))
  }

  sent(peer: string, cids: readonly CID[]): void {
    for (const cid of cids) {
      const key = keyOf(cid)
      const number = this.#numbers.get(key)
      if (number === undefined) continue
      const taken = this.#takenBy(peer)
      taken.lastSentAt = performance.now()
      if (key === this.#end) taken.hasEnd = true
      if (taken.blocks[number] === 1) continue
      taken.blocks[number] = 1
      taken.count += 1
      if (taken.count === this.#numbers.size) this.#complete(peer)
    }
  }

  gone(peer: string): void {
    if (this.#peers.get(peer)?.hasEnd === true) this.#complete(peer)
    this.#peers.delete(peer)
    this.#leaving.delete(peer)
    this.#wake()
  }

  /** Returns the next peer that has fetched it all. */
  async next({ signal }: { readonly signal: AbortSignal }): Promise<string> {
    for (;;) {
      signal.throwIfAborted()
      const peer = this.#fetched.shift()
      if (peer !== undefined) return peer
      await this.#changed(signal, QUIET_MS / 3)
      for (const [id, { hasEnd, lastSentAt }] of this.#peers) {
        if (hasEnd && performance.now() - lastSentAt > QUIET_MS) this.#complete(id)
      }
    }
  }

  /** Resolves when those who have fetched it are gone: what they were sent has reached them. Waits a few seconds at most. */
  async whenLeft({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    const end = performance.now() + LEAVING_MS_MAX
    while (this.#leaving.size > 0 && performance.now() < end) {
      signal.throwIfAborted()
      await this.#changed(signal, end - performance.now())
    }
  }

  /** Resolves at the next change, after `ms`, or when the signal aborts. */
  async #changed(signal: AbortSignal, ms: number): Promise<void> {
    const change = Promise.withResolvers<void>()
    const wake = (): void => change.resolve()
    this.#wake = wake
    const timer = setTimeout(wake, ms)
    signal.addEventListener('abort', wake, { once: true })
    await change.promise
    clearTimeout(timer)
    signal.removeEventListener('abort', wake)
  }

  #takenBy(peer: string): Taken {
    let taken = this.#peers.get(peer)
    if (taken === undefined) {
      taken = { blocks: new Uint8Array(this.#numbers.size), count: 0, hasEnd: false, lastSentAt: 0 }
      this.#peers.set(peer, taken)
    }
    return taken
  }

  #complete(peer: string): void {
    this.#peers.delete(peer)
    this.#fetched.push(peer)
    this.#leaving.add(peer)
    this.#wake()
  }
}

/** Returns the leaf that a reader comes to last. */
async function lastLeaf(blocks: Blocks, root: CID, options: Waiting): Promise<CID> {
  let cid = root
  for (;;) {
    const last = (await childrenOf(cid, await blocks.get(cid, options))).at(-1)
    if (last === undefined || last.multihash.code === 0) return cid
    cid = last
  }
}
