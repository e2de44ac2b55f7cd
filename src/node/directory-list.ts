import type { CID } from 'multiformats/cid'
import { nameFromBytes } from '../contract/surrogate-escape.ts'
import type { Blocks, Waiting } from '../repo/roles.ts'
import { eachLinkOf, type Link } from './codecs.ts'
import { decodeDagPb, scanDagPb } from './dag-pb.ts'
import { listDirectory, type ShardOptions } from './directory.ts'
import { decodeUnixfs, type UnixFs } from './unixfs.ts'

const DAG_PB = 0x70
const RAW = 0x55
const BATCH_MAX = 128

type ListBlocks = Pick<Blocks, 'get' | 'getMany'>

/** An entry of a folder, or a link of an object that is none, as `ls` shows it. */
export interface ListedEntry {
  readonly name: string
  readonly cid: CID
  /** Bytes of a file or of a link's target; 0 for what is neither, and for what was not looked into. */
  readonly size: number
  readonly kind: 'file' | 'directory' | 'symlink' | 'unknown'
  readonly target: string
  /** Permission bits with setuid, setgid and sticky; 0 when there are none. */
  readonly mode: number
  readonly mtime: UnixFs['mtime']
  /** Slots of a shard, when it is a folder that is sharded and was looked into. */
  readonly fanout?: number | undefined
}

/** Options of `listEntries`. */
export interface ListOptions extends ShardOptions {
  readonly looksInto: boolean
}

/**
 * Yields what Kubo's `ls` lists of a node: the entries of a folder, sharded or not, and the links of anything else.
 * With `looksInto` the entries themselves are read, ahead of their turn, for their type and size.
 */
export async function* listEntries(blocks: ListBlocks, cid: CID, options: ListOptions): AsyncIterable<ListedEntry> {
  const bytes = await blocks.get(cid, options)
  let batch: Link[] = []
  for await (const link of await linksIn(blocks, cid, bytes, options)) {
    if (batch.push(link) < BATCH_MAX) continue
    yield* describeLinks(blocks, batch, options)
    batch = []
  }
  yield* describeLinks(blocks, batch, options)
}

async function linksIn(
  blocks: ListBlocks,
  cid: CID,
  bytes: Uint8Array,
  options: ShardOptions,
): Promise<Iterable<Link> | AsyncIterable<Link>> {
  if (cid.code !== DAG_PB) return await eachLinkOf(cid, bytes)
  const { data, links } = scanDagPb(bytes)
  const unixfs = decodeUnixfs(data ?? new Uint8Array(0))
  if (unixfs.type !== 'hamt-sharded-directory') return links
  return listDirectory(blocks, { data, links: [...links] }, unixfs, options)
}

/** Yields what `listEntries` tells of each link, in their order. */
export async function* describeLinks(
  blocks: ListBlocks,
  links: readonly Link[],
  options: Waiting & { readonly looksInto: boolean },
): AsyncIterable<ListedEntry> {
  const unread = options.looksInto ? links.filter(link => link.cid.code === DAG_PB).map(link => link.cid) : []
  const read = blocks.getMany(unread, { signal: options.signal })[Symbol.asyncIterator]()
  try {
    for (const { name, cid, size = 0 } of links) {
      const plain = { name, cid, size: 0, kind: 'unknown', target: '', mode: 0, mtime: undefined } as const
      if (cid.code === RAW) {
        yield { ...plain, size, kind: 'file' }
      } else if (cid.code === DAG_PB && options.looksInto) {
        const next = await read.next()
        if (next.done === true) throw new Error('getMany yielded fewer blocks than were asked for')
        yield { ...plain, ...described(decodeUnixfs(decodeDagPb(next.value.bytes).data ?? new Uint8Array(0))) }
      } else yield plain
    }
  } finally {
    await read.return?.()
  }
}

function described(unixfs: UnixFs): Pick<ListedEntry, 'size' | 'kind' | 'target' | 'mode' | 'mtime' | 'fanout'> {
  const { type, data = new Uint8Array(0), mtime } = unixfs
  const mode = (unixfs.mode ?? 0) & 0o7777
  if (type === 'symlink') {
    return { size: data.length, kind: 'symlink', target: nameFromBytes(data), mode, mtime }
  }
  if (type === 'file' || type === 'raw') {
    return { size: Number(unixfs.fileSize ?? 0), kind: 'file', target: '', mode, mtime }
  }
  const fanout = type === 'hamt-sharded-directory' ? Number(unixfs.fanout ?? 0) : undefined
  return { size: 0, kind: 'directory', target: '', mode, mtime, fanout }
}

/** Reads the root block of a path for what `listEntries` tells of an entry. */
export async function describeRoot(
  blocks: Pick<Blocks, 'get'>,
  cid: CID,
  name: string,
  options: Waiting = {},
): Promise<ListedEntry> {
  const plain = { name, cid, size: 0, kind: 'unknown', target: '', mode: 0, mtime: undefined } as const
  if (cid.code !== RAW && cid.code !== DAG_PB) return plain
  const bytes = await blocks.get(cid, options)
  if (cid.code === RAW) return { ...plain, size: bytes.length, kind: 'file' }
  return { ...plain, ...described(decodeUnixfs(decodeDagPb(bytes).data ?? new Uint8Array(0))) }
}
