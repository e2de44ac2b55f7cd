import { Breath } from '../../repo/pause.ts'
import type { Blocks, Waiting } from '../../repo/roles.ts'
import { compareKeys } from '../dag-model.ts'
import { decodeDagPb, type PbLink as Link } from '../dag-pb.ts'
import { visitKey } from '../dag-walk.ts'
import { decodeShard, listDirectory } from '../directory.ts'
import { hamtPrefixLength } from '../hamt.ts'
import { entryName, type HamtShard, levelsMax, malformed, readShard } from '../hamt-shard.ts'
import { decodeUnixfs } from '../unixfs.ts'

type DirectoryBlocks = Pick<Blocks, 'get' | 'getMany'>

/** Entries of the same name in two folders; undefined where there is none. */
export interface EntryPair {
  readonly name: string
  readonly one: Link | undefined
  readonly other: Link | undefined
}

/**
 * Returns the entries in which two folders differ, sorted by name. Of two that are sharded alike only the shards that
 * differ are read.
 */
export async function differingEntries(
  blocks: DirectoryBlocks,
  one: Link['cid'],
  other: Link['cid'],
  options: Waiting = {},
): Promise<EntryPair[]> {
  const [a, b] = [await openFolder(blocks, one, options), await openFolder(blocks, other, options)]
  const isSharded = a.shard !== undefined && b.shard !== undefined && a.shard.fanout === b.shard.fanout
  const [left, right] =
    isSharded && a.shard !== undefined && b.shard !== undefined
      ? await differingShards(blocks, a.shard, b.shard, options)
      : [await a.all(), await b.all()]
  return pairs(left, right)
}

async function openFolder(blocks: DirectoryBlocks, cid: Link['cid'], options: Waiting) {
  const node = decodeDagPb(await blocks.get(cid, options))
  const unixfs = decodeUnixfs(node.data ?? new Uint8Array(0))
  return {
    shard: unixfs.type === 'hamt-sharded-directory' ? readShard(unixfs, node.links) : undefined,
    all: async () => await Array.fromAsync(listDirectory(blocks, node, unixfs, options)),
  }
}

function pairs(left: readonly Link[], right: readonly Link[]): EntryPair[] {
  const others = new Map(right.map(link => [link.name, link]))
  const found: EntryPair[] = []
  for (const one of left) {
    const other = others.get(one.name)
    others.delete(one.name)
    if (other === undefined || visitKey(one.cid) !== visitKey(other.cid)) found.push({ name: one.name, one, other })
  }
  for (const other of others.values()) found.push({ name: other.name, one: undefined, other })
  return found.sort((x, y) => compareKeys(x.name, y.name))
}

/** Returns the entries below the shards that differ, of each side. */
async function differingShards(
  blocks: DirectoryBlocks,
  one: HamtShard,
  other: HamtShard,
  options: Waiting,
): Promise<[Link[], Link[]]> {
  const found: [Link[], Link[]] = [[], []]
  const breath = new Breath()
  const open: { readonly a: HamtShard; readonly b: HamtShard; readonly depth: number }[] = [
    { a: one, b: other, depth: 1 },
  ]
  for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
    if (breath.due) await breath.take(options.signal)
    const { a, b, depth } = pair
    if (depth > levelsMax(a)) throw malformed('it is deeper than its hashes')
    for (const [left, right] of bySlot(a, b)) {
      if (left !== undefined && right !== undefined && visitKey(left.cid) === visitKey(right.cid)) {
        // The same shard, or the same entry; of two entries the names must agree too.
        if (left.name === right.name) continue
      }
      const isLower = [left, right].map(link => link !== undefined && entryName(a, link) === undefined)
      if (left !== undefined && right !== undefined && isLower[0] && isLower[1]) {
        const [below, belowOther] = [await blocks.get(left.cid, options), await blocks.get(right.cid, options)]
        open.push({ a: decodeShard(below, a), b: decodeShard(belowOther, b), depth: depth + 1 })
        continue
      }
      if (left !== undefined) await gather(blocks, a, left, depth, found[0], options)
      if (right !== undefined) await gather(blocks, b, right, depth, found[1], options)
    }
  }
  return found
}

function bySlot(a: HamtShard, b: HamtShard): Iterable<[Link | undefined, Link | undefined]> {
  const length = hamtPrefixLength(a.fanout)
  const slots = new Map<string, [Link | undefined, Link | undefined]>()
  for (const link of a.links) slots.set(link.name.slice(0, length), [link, undefined])
  for (const link of b.links) {
    const slot = link.name.slice(0, length)
    slots.set(slot, [slots.get(slot)?.[0], link])
  }
  return slots.values()
}

/** Adds the entry that a link of a shard is, or all entries below it. */
async function gather(
  blocks: DirectoryBlocks,
  shard: HamtShard,
  link: Link,
  depth: number,
  into: Link[],
  options: Waiting,
): Promise<void> {
  const breath = new Breath()
  const open: { readonly shard: HamtShard; readonly link: Link; readonly depth: number }[] = [{ shard, link, depth }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (breath.due) await breath.take(options.signal)
    const name = entryName(next.shard, next.link)
    if (name !== undefined) {
      into.push({ ...next.link, name })
      continue
    }
    if (next.depth >= levelsMax(shard)) throw malformed('it is deeper than its hashes', next.link.cid)
    const below = decodeShard(await blocks.get(next.link.cid, options), next.shard)
    for (const child of below.links) open.push({ shard: below, link: child, depth: next.depth + 1 })
  }
}
