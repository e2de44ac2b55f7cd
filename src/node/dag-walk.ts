import type { CID } from 'multiformats/cid'
import { keyOf } from '../repo/blocks.ts'
import { Breath } from '../repo/pause.ts'
import { ReadMemory } from '../repo/read-memory.ts'
import type { Block, Blocks, Waiting } from '../repo/roles.ts'
import { isLinkless, linksOf } from './codecs.ts'

/** How many links are looked at together. */
const BATCH_MAX = 512
const RAW = 0x55
const DAG_PB = 0x70
/** When so many blocks are known below those that were read, they come first: of a wide DAG not all are held. */
const BELOW_MAX = 4096
/** How many blocks that come next are looked up together. */
const LOOK_AHEAD = 64
const KNOWN_MAX = 16_384

/** The roles of `Blocks` that walking needs. */
export type WalkBlocks = Pick<Blocks, 'get' | 'getMany' | 'statMany'>

/** A block that was met on the way, in no order that matters. */
export interface Visit {
  readonly cid: CID
  readonly size: number
}

/**
 * Returns a key that is the same for CIDs that name the same block in the same codec: a block may have links under
 * one codec and none under another.
 */
export function visitKey({ bytes, code, multihash }: CID): string {
  // No multihash of a block that may be stored begins as a CIDv1 does.
  if (code === DAG_PB && multihash.bytes[0] !== 1) return keyOf(multihash.bytes)
  return code === DAG_PB ? `${code}:${keyOf(multihash.bytes)}` : keyOf(bytes)
}

/** Returns a key that tells CIDs apart as they are written, their version too. */
export function exactKey({ bytes }: CID): string {
  return keyOf(bytes)
}

/** Returns the CIDs that a block links to. */
export async function childrenOf(cid: CID, bytes: Uint8Array): Promise<CID[]> {
  const links = linksOf(cid, bytes)
  return (links instanceof Promise ? await links : links).map(link => link.cid)
}

/** Options of a walk without order. */
export interface VisitOptions extends Waiting {
  /** What was met already, by `visitKey` (or `key`): it is left out, with all below it. The walk adds to it. */
  readonly seen?: Set<string>
  readonly key?: (cid: CID) => string
  /** Called with each batch before it is read; gives back those that are not here. */
  readonly before?: (cids: readonly CID[]) => Promise<unknown>
}

/**
 * Yields every block below the roots, and the roots, once. Leaves that the index knows are not read; the others are
 * read many at a time. Depth costs no stack, and a block that lies on many paths is met once.
 */
export async function* visitDag(
  blocks: WalkBlocks,
  roots: Iterable<CID>,
  options: VisitOptions = {},
): AsyncIterable<Visit> {
  const { signal, seen = new Set<string>(), key = visitKey } = options
  const breath = new Breath()
  let pending: CID[] = []
  const push = (cids: Iterable<CID>): void => {
    for (const cid of cids) {
      const id = key(cid)
      if (seen.has(id)) continue
      seen.add(id)
      pending.push(cid)
    }
  }
  push(roots)
  while (pending.length > 0) {
    const batch = pending.splice(Math.max(0, pending.length - BATCH_MAX))
    await options.before?.(batch)
    const unread: CID[] = []
    const stats = await blocks.statMany(batch, { signal })
    for (const [nth, cid] of batch.entries()) {
      const known = stats[nth]
      if (known !== undefined && (known.leaf || isLinkless(cid.code))) yield { cid, size: known.size }
      else unread.push(cid)
      if (breath.due) await breath.take(signal)
    }
    const above = pending
    pending = []
    while (unread.length > 0 && pending.length < BELOW_MAX) {
      const some = unread.splice(0, LOOK_AHEAD)
      for await (const { cid, bytes } of some.length > 1
        ? blocks.getMany(some, { signal })
        : getOne(blocks, some, signal)) {
        push(await childrenOf(cid, bytes))
        yield { cid, size: bytes.length }
        if (breath.due) await breath.take(signal)
      }
    }
    for (const cid of unread) above.push(cid)
    for (const cid of pending) above.push(cid)
    pending = above
  }
}

async function* getOne(
  blocks: WalkBlocks,
  cids: readonly CID[],
  signal: AbortSignal | undefined,
): AsyncIterable<Block> {
  for (const cid of cids) yield { cid, bytes: await blocks.get(cid, { signal }) }
}

/** Options of a walk in order. */
export interface OrderedOptions extends Waiting {
  /** What cannot be read is left out, with all below it, in place of failing. */
  readonly partial?: boolean
  /** What was met already, by `exactKey`: it is left out, with all below it. The walk adds to it. */
  readonly seen?: Set<string>
  /** The bytes of a block may be overwritten once the next one is asked for. */
  readonly isBrief?: boolean
}

/**
 * Yields the blocks of a DAG in depth-first order, a parent before its children and links in the order of the block,
 * each CID where it is met first. Runs of leaves are read ahead.
 */
export async function* readDag(blocks: WalkBlocks, root: CID, options: OrderedOptions = {}): AsyncIterable<Block> {
  const { signal, seen = new Set<string>() } = options
  const breath = new Breath()
  // What is still to come, last first.
  const pending: CID[] = [root]
  const known = new Map<string, boolean>()
  const memory = options.isBrief === true ? new ReadMemory(1) : undefined
  while (pending.length > 0) {
    const run = await nextRun(blocks, { pending, seen, known }, signal)
    const last = run.at(-1)
    if (last === undefined) continue
    const read =
      options.partial === true
        ? readSome(blocks, run, signal)
        : run.length === 1
          ? getOne(blocks, run, signal)
          : blocks.getMany(run, { signal, memory })
    for await (const { cid, bytes } of read) {
      const hasChildren = cid === last && !isLinkless(cid.code)
      // The CIDs of its children may be views of the bytes.
      const kept = hasChildren && memory !== undefined ? new Uint8Array(bytes) : bytes
      yield { cid, bytes }
      memory?.hand()
      // Only the last of a run may have children: what comes next is below it.
      if (hasChildren) {
        const children = await childrenOf(cid, kept)
        for (let i = children.length - 1; i >= 0; i -= 1) {
          const child = children[i]
          if (child !== undefined && !seen.has(exactKey(child))) pending.push(child)
        }
      }
      if (breath.due) await breath.take(signal)
    }
  }
}

/** Takes the next CIDs that can be read together: leaves, and at the end one block that may have links. */
async function nextRun(
  blocks: WalkBlocks,
  { pending, seen, known }: OrderedState,
  signal: AbortSignal | undefined,
): Promise<CID[]> {
  const run: CID[] = []
  while (run.length < BATCH_MAX) {
    const cid = pending.pop()
    if (cid === undefined) break
    const key = exactKey(cid)
    if (seen.has(key)) continue
    seen.add(key)
    run.push(cid)
    if (cid.code === RAW) continue
    if (!known.has(key)) await lookAhead(blocks, cid, { pending, seen, known }, signal)
    const isLeaf = known.get(key)
    known.delete(key)
    if (isLeaf !== true) break
  }
  return run
}

interface OrderedState {
  /** What is still to come, last first. */
  readonly pending: CID[]
  readonly seen: Set<string>
  /** Of what comes next, whether it is a leaf that is here. */
  readonly known: Map<string, boolean>
}

/** Looks up a block together with those that come after it. */
async function lookAhead(
  blocks: WalkBlocks,
  cid: CID,
  { pending, seen, known }: OrderedState,
  signal: AbortSignal | undefined,
): Promise<void> {
  const cids = [cid]
  for (const next of pending.slice(-LOOK_AHEAD).reverse()) {
    if (next.code === RAW) continue
    const key = exactKey(next)
    if (!seen.has(key) && !known.has(key)) cids.push(next)
  }
  // What was looked up, and met on another way since, is not asked for again.
  if (known.size > KNOWN_MAX) known.clear()
  const stats = await blocks.statMany(cids, { signal })
  for (const [nth, one] of cids.entries()) known.set(exactKey(one), stats[nth]?.leaf === true)
}

async function* readSome(
  blocks: WalkBlocks,
  run: readonly CID[],
  signal: AbortSignal | undefined,
): AsyncIterable<Block> {
  for (const cid of run) {
    let bytes: Uint8Array
    try {
      bytes = await blocks.get(cid, { signal })
    } catch {
      signal?.throwIfAborted()
      continue // The caller asked for what can be read.
    }
    yield { cid, bytes }
  }
}
