import type { CID } from 'multiformats/cid'
import { Breath } from '../repo/pause.ts'
import type { Block, Blocks, Waiting } from '../repo/roles.ts'
import { isLinkless, type Link, linksOf } from './codecs.ts'
import { exactKey } from './dag-walk.ts'

/** How many links of a node are looked up together. */
const BATCH_MAX = 64
/** The same where some are missing: all are asked for at once, so that a far peer is not waited for again and again. */
const FETCHED_BATCH_MAX = 512
/** Deeper nodes are read one by one, so that what is read ahead stays bounded. */
const AHEAD_DEPTH_MAX = 8

type WalkBlocks = Pick<Blocks, 'get' | 'getMany' | 'statMany'>

export interface WalkOptions extends Waiting {
  /** How many levels below the root are walked; undefined: all. */
  readonly depthMax?: number | undefined
  /** Yield each block once, on the way that is met first. Share the object to do so over several roots. */
  readonly unique?: Visited | undefined
}

/** A link, and the block that holds it. */
export interface Edge {
  readonly from: CID
  readonly link: Link
  /** 1 for the links of the root. */
  readonly depth: number
}

/** Which CIDs were met, and how near to their root. */
export class Visited {
  readonly #depths = new Map<string, number>()

  /** Notes a visit; says whether it is the first, and whether what lies below must be walked for it. */
  visit(cid: CID, depth: number, depthMax: number): { readonly isNew: boolean; readonly goesDeeper: boolean } {
    const key = exactKey(cid)
    const known = this.#depths.get(key)
    // Met nearer to a root before: everything within reach was walked then.
    if (known !== undefined && (depthMax === Number.POSITIVE_INFINITY || known <= depth)) {
      return { isNew: false, goesDeeper: false }
    }
    this.#depths.set(key, depth)
    return { isNew: known === undefined, goesDeeper: depth < depthMax }
  }
}

/**
 * Yields the links below `root` in depth-first order, each once its block is known to be here (or was fetched), as
 * Kubo's `refs` does. Leaves that the index knows are not read. Depth costs no stack and, in a chain, no memory.
 */
export async function* walkLinks(blocks: WalkBlocks, root: CID, options: WalkOptions = {}): AsyncIterable<Edge> {
  const { signal, unique, depthMax = Number.POSITIVE_INFINITY } = options
  const breath = new Breath()
  if (depthMax < 1) {
    await blocks.get(root, { signal })
    return
  }
  const frames: Frame[] = [new Frame(blocks, root, await linksHere(blocks, root, signal), 1, options)]
  try {
    for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
      if (breath.due) await breath.take(signal)
      const link = frame.links[frame.at]
      if (link === undefined) {
        await frames.pop()?.close()
        continue
      }
      const { from, depth } = frame
      const fate = unique?.visit(link.cid, depth, depthMax) ?? { isNew: true, goesDeeper: depth < depthMax }
      if (!fate.isNew && !fate.goesDeeper) {
        await frame.pass()
        continue
      }
      const bytes = frame.passLeaf() ? undefined : await frame.take()
      if (fate.isNew) yield { from, link, depth }
      if (!fate.goesDeeper || bytes === undefined) continue
      // What is done with is dropped first: a chain of any length keeps one frame.
      if (frame.at === frame.links.length) await frames.pop()?.close()
      const below = linksOf(link.cid, bytes)
      const links = below instanceof Promise ? await below : below
      if (links.length > 0) frames.push(new Frame(blocks, link.cid, links, depth + 1, options))
    }
  } finally {
    for (const frame of frames) await frame.close()
  }
}

async function linksHere(blocks: WalkBlocks, cid: CID, signal: AbortSignal | undefined): Promise<readonly Link[]> {
  return await linksOf(cid, await blocks.get(cid, { signal }))
}

/** A node of which the links are being walked. */
class Frame {
  readonly from: CID
  readonly depth: number
  readonly links: readonly Link[]
  at = 0
  readonly #blocks: WalkBlocks
  readonly #options: Waiting
  /** For each link of the present batch whether its block is being read. */
  #batch: readonly boolean[] = []
  #batchAt = 0
  #blocksAhead: AsyncIterator<Block> | undefined

  constructor(blocks: WalkBlocks, from: CID, links: readonly Link[], depth: number, options: Waiting) {
    this.from = from
    this.links = links
    this.depth = depth
    this.#blocks = blocks
    this.#options = { signal: options.signal }
  }

  /** Passes over the next link. */
  async pass(): Promise<void> {
    if (this.#batch[this.at - this.#batchAt] === true) await this.#blocksAhead?.next()
    this.at += 1
  }

  /** Passes over the next link when it is known already that its block is here and has no links. */
  passLeaf(): boolean {
    if (this.#batch[this.at - this.#batchAt] !== false) return false
    this.at += 1
    return true
  }

  /** Returns the block of the next link; undefined when it is here and known to have no links. */
  async take(): Promise<Uint8Array | undefined> {
    if (this.at >= this.#batchAt + this.#batch.length) await this.#begin()
    const isRead = this.#batch[this.at - this.#batchAt]
    const link = this.links[this.at]
    this.at += 1
    if (link === undefined || isRead !== true) return undefined
    if (this.#blocksAhead === undefined) return await this.#blocks.get(link.cid, this.#options)
    const next = await this.#blocksAhead.next()
    if (next.done === true) throw new Error('getMany yielded fewer blocks than were asked for')
    return next.value.bytes
  }

  async #begin(): Promise<void> {
    await this.close()
    const isDeep = this.depth > AHEAD_DEPTH_MAX
    const cids = this.#cidsUpTo(this.at, isDeep ? 1 : BATCH_MAX)
    const known = await this.#blocks.statMany(cids, this.#options)
    if (!isDeep && known.includes(undefined)) {
      const more = this.#cidsUpTo(this.at + cids.length, FETCHED_BATCH_MAX - cids.length)
      known.push(...(await this.#blocks.statMany(more, this.#options)))
      cids.push(...more)
    }
    const batch = cids.map(({ code }, nth) => known[nth] === undefined || !(known[nth].leaf || isLinkless(code)))
    this.#batch = batch
    this.#batchAt = this.at
    const unread = cids.filter((_, nth) => batch[nth] === true)
    if (unread.length > 1) this.#blocksAhead = this.#blocks.getMany(unread, this.#options)[Symbol.asyncIterator]()
  }

  #cidsUpTo(at: number, count: number): CID[] {
    return this.links.slice(at, at + count).map(({ cid }) => cid)
  }

  async close(): Promise<void> {
    await this.#blocksAhead?.return?.()
    this.#blocksAhead = undefined
  }
}
