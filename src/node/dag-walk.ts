import type { CID } from 'multiformats/cid'
import { keyOf } from '../repo/blocks.ts'
import { Breath } from '../repo/pause.ts'
import { ReadMemory } from '../repo/read-memory.ts'
import type { Block, Blocks, Waiting } from '../repo/roles.ts'
import { CidSet } from './cid-set.ts'
import { isLinkless, linksOf } from './codecs.ts'

/** How many links are looked at together. */
const BATCH_MAX = 512
const RAW = 0x55
const DAG_PB = 0x70
/** When so many blocks are known below those that were read, they come first: of a wide DAG not all are held. */
const BELOW_MAX = 4096
/** How many blocks that come next are looked up together. */
const LOOK_AHEAD = 64

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
export function visitKey(cid: CID): string {
  return keyOf(visitBytes(cid))
}

/** Returns a key that tells CIDs apart as they are written, their version too. */
export function exactKey({ bytes }: CID): string {
  return keyOf(bytes)
}

/** Returns the bytes that `visitKey` is made of. */
export function visitBytes({ bytes, code, multihash }: CID): Uint8Array {
  // A multihash that begins as a CIDv1 does is that of no block that may be stored, and of no CIDv0.
  return code === DAG_PB && multihash.bytes[0] !== 1 ? multihash.bytes : bytes
}

/** Returns the bytes that `exactKey` is made of. */
export function exactBytes({ bytes }: CID): Uint8Array {
  return bytes
}

/** Returns the CIDs that a block links to. */
export async function childrenOf(cid: CID, bytes: Uint8Array): Promise<CID[]> {
  const links = linksOf(cid, bytes)
  return (links instanceof Promise ? await links : links).map(link => link.cid)
}

/** Options of a walk without order. */
export interface VisitOptions extends Waiting {
  /** What was met already: it is left out, with all below it. The walk adds to it. By default a set by `visitBytes`. */
  readonly seen?: CidSet
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
  const { signal, seen = new CidSet(visitBytes) } = options
  const breath = new Breath()
  let pending: CID[] = []
  const push = (cids: Iterable<CID>): void => {
    for (const cid of cids) if (seen.add(cid)) pending.push(cid)
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
  /** What was met already, by `exactBytes`: it is left out, with all below it. The walk adds to it. */
  readonly seen?: CidSet
  /** The bytes of a block may be overwritten once the next one is asked for. */
  readonly isBrief?: boolean
}

/**
 * Yields the blocks of a DAG in depth-first order, a parent before its children and links in the order of the block,
 * each CID where it is met first. Runs of leaves are read ahead.
 */
export async function* readDag(blocks: WalkBlocks, root: CID, options: OrderedOptions = {}): AsyncIterable<Block> {
  const { signal, seen = new CidSet(exactBytes) } = options
  const breath = new Breath()
  const pending: Coming[] = [{ cid: root, isLeaf: undefined }]
  const memory = options.isBrief === true ? new ReadMemory(1) : undefined
  while (pending.length > 0) {
    const run = await nextRun(blocks, pending, seen, signal)
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
          if (child !== undefined && !seen.has(child)) pending.push({ cid: child, isLeaf: undefined })
        }
      }
      if (breath.due) await breath.take(signal)
    }
  }
}

/** A block that is still to come. */
interface Coming {
  readonly cid: CID
  /** Whether it is here and a leaf; undefined until it was looked up. */
  isLeaf: boolean | undefined
}

/** Takes the next CIDs that can be read together off the end: leaves, and at last one block that may have links. */
async function nextRun(
  blocks: WalkBlocks,
  pending: Coming[],
  seen: CidSet,
  signal: AbortSignal | undefined,
): Promise<CID[]> {
  const run: CID[] = []
  while (run.length < BATCH_MAX) {
    const next = pending.pop()
    if (next === undefined) break
    if (!seen.add(next.cid)) continue
    run.push(next.cid)
    if (next.cid.code === RAW) continue
    if (next.isLeaf === undefined) await lookAhead(blocks, next, pending, signal)
    if (next.isLeaf !== true) break
  }
  return run
}

/** Looks up a block together with those that come after it. */
async function lookAhead(
  blocks: WalkBlocks,
  first: Coming,
  pending: readonly Coming[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const asked = [first]
  for (const next of pending.slice(-LOOK_AHEAD)) {
    if (next.cid.code !== RAW && next.isLeaf === undefined) asked.push(next)
  }
  const stats = await blocks.statMany(
    asked.map(({ cid }) => cid),
    { signal },
  )
  for (const [nth, one] of asked.entries()) one.isLeaf = stats[nth]?.leaf === true
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
