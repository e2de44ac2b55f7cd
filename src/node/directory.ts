import type { CID } from 'multiformats/cid'
import { nameToBytes } from '../contract/surrogate-escape.ts'
import { Breath } from '../repo/pause.ts'
import type { Blocks, Waiting } from '../repo/roles.ts'
import { CidSet } from './cid-set.ts'
import { decodeDagPb, type PbLink } from './dag-pb.ts'
import { exactBytes } from './dag-walk.ts'
import { hamtHash } from './hamt.ts'
import { entryName, type HamtShard, levelsMax, linkAt, malformed, readShard } from './hamt-shard.ts'
import { decodeUnixfs, type UnixFs } from './unixfs.ts'

/** A dag-pb node that was decoded. */
export interface PbBlock {
  readonly data: Uint8Array | undefined
  readonly links: readonly PbLink[]
}

/**
 * Returns the link of that name under a dag-pb node, as Kubo resolves paths: by name in a folder, through the shards
 * of a sharded one, and by name among the links of what is no UnixFS or not a file. Undefined when there is none.
 */
export async function findEntry(
  blocks: Pick<Blocks, 'get'>,
  node: PbBlock,
  name: string,
  options: Waiting = {},
): Promise<PbLink | undefined> {
  const unixfs = unixfsOf(node)
  if (unixfs?.type === 'file' || unixfs?.type === 'raw') return undefined
  if (unixfs?.type !== 'hamt-sharded-directory') return node.links.find(link => link.name === name)
  const hash = hamtHash(nameToBytes(name))
  let shard = readShard(unixfs, node.links)
  for (let level = 0; ; level++) {
    const link = linkAt(shard, hash, level)
    if (link === undefined) return undefined
    const found = entryName(shard, link)
    if (found !== undefined) return found === name ? { ...link, name } : undefined
    shard = decodeShard(await blocks.get(link.cid, options), shard)
  }
}

/** Returns what a dag-pb node says of itself; undefined when it is not UnixFS. */
function unixfsOf(node: PbBlock): UnixFs | undefined {
  if (node.data === undefined) return undefined
  try {
    return decodeUnixfs(node.data)
  } catch {
    return undefined // Whatever the data are, the links have names.
  }
}

/** Decodes a shard that lies below another. Throws `failed` when it is none, or of another fanout. */
export function decodeShard(bytes: Uint8Array, above: HamtShard): HamtShard {
  const { data, links } = decodeDagPb(bytes)
  const shard = readShard(decodeUnixfs(data ?? new Uint8Array(0)), links)
  if (shard.fanout !== above.fanout) throw malformed('its shards differ in fanout')
  return shard
}

/** Options of `listDirectory`. */
export interface ShardOptions extends Waiting {
  /** Called for each shard below the root block that was read. */
  readonly shard?: ((cid: CID, size: number) => void) | undefined
}

/**
 * Yields the entries of a folder: of a plain one in the order of its block, of a sharded one in the order of its slots,
 * shards read ahead. `unixfs` is the decoded data of `node`. A shard that occurs twice is refused: no name could have
 * led to both.
 */
export async function* listDirectory(
  blocks: Pick<Blocks, 'get' | 'getMany'>,
  node: PbBlock,
  unixfs: UnixFs,
  options: ShardOptions = {},
): AsyncIterable<PbLink> {
  if (unixfs.type !== 'hamt-sharded-directory') {
    yield* node.links
    return
  }
  const breath = new Breath()
  const seen = new CidSet(exactBytes)
  const levels: Level[] = [new Level(blocks, readShard(unixfs, node.links), options)]
  try {
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      if (breath.due) await breath.take(options.signal)
      const link = level.next()
      if (link === undefined) {
        await levels.pop()?.close()
        continue
      }
      const name = entryName(level.shard, link)
      if (name !== undefined) {
        yield { ...link, name }
        continue
      }
      if (levels.length >= levelsMax(level.shard)) throw malformed('it is deeper than its hashes', link.cid)
      if (!seen.add(link.cid)) throw malformed('a shard occurs twice', link.cid)
      const bytes = await level.child()
      options.shard?.(link.cid, bytes.length)
      levels.push(new Level(blocks, decodeShard(bytes, level.shard), options))
    }
  } finally {
    for (const level of levels) await level.close()
  }
}

/** A shard whose links are being listed, the shards below it read ahead. */
class Level {
  readonly shard: HamtShard
  #at = 0
  readonly #children: AsyncIterator<{ readonly bytes: Uint8Array }>

  constructor(blocks: Pick<Blocks, 'getMany'>, shard: HamtShard, options: Waiting) {
    this.shard = shard
    const below = shard.links.filter(link => entryName(shard, link) === undefined).map(link => link.cid)
    this.#children = blocks.getMany(below, options)[Symbol.asyncIterator]()
  }

  /** Returns the next link; undefined after the last. */
  next(): PbLink | undefined {
    return this.shard.links[this.#at++]
  }

  /** Returns the bytes of the next shard below. */
  async child(): Promise<Uint8Array> {
    const next = await this.#children.next()
    if (next.done === true) throw new Error('getMany yielded fewer blocks than were asked for')
    return next.value.bytes
  }

  async close(): Promise<void> {
    await this.#children.return?.()
  }
}
