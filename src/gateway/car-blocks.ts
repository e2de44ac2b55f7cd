import type { CID } from 'multiformats/cid'
import { decodeDagPb } from '../node/dag-pb.ts'
import { childrenOf, readDag, type WalkBlocks } from '../node/dag-walk.ts'
import { type FileNode, fileNodeOf } from '../node/file-node.ts'
import { entryName, readShard } from '../node/hamt-shard.ts'
import { decodeUnixfs, type UnixFs } from '../node/unixfs.ts'
import { Breath } from '../repo/pause.ts'
import type { Block, Waiting } from '../repo/roles.ts'
import type { CarParams } from './car-params.ts'
import type { Target } from './resolve.ts'

const DAG_PB = 0x70
const RAW = 0x55

/** Yields the blocks at the end of a path that a CAR is to hold, parents first, links in their order. */
export function blocksInScope(
  blocks: WalkBlocks,
  target: Target,
  params: CarParams,
  waiting: Waiting,
): AsyncIterable<Block> {
  const { cid } = target
  if (params.scope === 'block') return walk(blocks, cid, async () => [], waiting)
  if (params.scope === 'entity') return entity(blocks, target, params.range, waiting)
  return params.duplicates ? walk(blocks, cid, childrenOf, waiting) : readDag(blocks, cid, waiting)
}

/** Yields blocks depth first, on every way that leads to them. */
async function* walk(
  blocks: WalkBlocks,
  root: CID,
  children: (cid: CID, bytes: Uint8Array) => Promise<readonly CID[]>,
  waiting: Waiting,
): AsyncIterable<Block> {
  const pending: CID[] = [root]
  const breath = new Breath()
  for (let cid = pending.pop(); cid !== undefined; cid = pending.pop()) {
    const bytes = await blocks.get(cid, waiting)
    yield { cid, bytes }
    for (const child of [...(await children(cid, bytes))].reverse()) pending.push(child)
    if (breath.due) await breath.take(waiting.signal)
  }
}

/** Yields the blocks of one thing: a file (or the range of it), the shards of a folder, else a single block. */
async function* entity(
  blocks: WalkBlocks,
  { cid, remainder }: Target,
  range: CarParams['range'],
  waiting: Waiting,
): AsyncIterable<Block> {
  const bytes = await blocks.get(cid, waiting)
  const unixfs = cid.code === DAG_PB && remainder.length === 0 ? unixfsOf(bytes) : undefined
  if (unixfs?.type === 'hamt-sharded-directory') {
    yield* walk(blocks, cid, async (_, shard) => shardsBelow(shard), waiting)
  } else if (unixfs?.type === 'file') yield* file(blocks, fileNodeOf(cid, bytes), bytes, range, waiting)
  else yield { cid, bytes }
}

function unixfsOf(bytes: Uint8Array): UnixFs | undefined {
  try {
    const { data } = decodeDagPb(bytes)
    return data === undefined ? undefined : decodeUnixfs(data)
  } catch {
    return undefined // A block that is no UnixFS is sent as a block.
  }
}

function shardsBelow(bytes: Uint8Array): CID[] {
  const { data, links } = decodeDagPb(bytes)
  const shard = readShard(decodeUnixfs(data ?? new Uint8Array(0)), links)
  return links.filter(link => entryName(shard, link) === undefined).map(link => link.cid)
}

interface Part {
  readonly cid: CID
  readonly start: number
}

/** Yields the blocks of a file that hold the bytes from `from` to `to`, the last included. */
async function* file(
  blocks: WalkBlocks,
  root: FileNode,
  bytes: Uint8Array,
  range: CarParams['range'],
  waiting: Waiting,
): AsyncIterable<Block> {
  const size = Number.isNaN(root.size) ? Number.POSITIVE_INFINITY : root.size
  const at = (offset: number): number => (offset < 0 ? Math.max(0, size + offset) : offset)
  const from = at(range?.from ?? 0)
  const to = range?.to === undefined ? Number.POSITIVE_INFINITY : at(range.to)
  yield { cid: root.cid, bytes }
  const pending: Part[] = partsOf(root, 0, from, to).reverse()
  const breath = new Breath()
  for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
    if (part.cid.code === RAW) {
      const leaves = [part.cid]
      for (let next = pending.at(-1); next?.cid.code === RAW; next = pending.at(-1)) {
        leaves.push(next.cid)
        pending.pop()
      }
      yield* blocks.getMany(leaves, waiting)
    } else {
      const block = await blocks.get(part.cid, waiting)
      yield { cid: part.cid, bytes: block }
      pending.push(...partsOf(fileNodeOf(part.cid, block), part.start, from, to).reverse())
    }
    if (breath.due) await breath.take(waiting.signal)
  }
}

function partsOf(node: FileNode, start: number, from: number, to: number): Part[] {
  const parts: Part[] = []
  let at = start + node.data.length
  for (const [index, { cid }] of node.links.entries()) {
    const size = node.sizes?.[index]
    if (size === undefined || (at + size > from && at <= to)) parts.push({ cid, start: at })
    at += size ?? 0
  }
  return parts
}
