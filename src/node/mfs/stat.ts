import type { CID } from 'multiformats/cid'
import { Failure } from '../../contract/failure.ts'
import { Breath } from '../../repo/pause.ts'
import type { Blocks, Waiting } from '../../repo/roles.ts'
import { linksOf } from '../codecs.ts'
import { decodeDagPb } from '../dag-pb.ts'
import { decodeUnixfs, type UnixFs } from '../unixfs.ts'
import { DAG_PB, RAW } from './format.ts'

/** What `files stat` tells of a node. */
export interface NodeStat {
  readonly size: number
  readonly cumulativeSize: number
  readonly blocks: number
  readonly type: 'file' | 'directory'
  /** As Go's `os.FileMode` has it; 0: not set. */
  readonly goMode: number
  readonly mtime: { readonly seconds: number; readonly nanoseconds: number } | undefined
}

const GO_MODE_DIR = 0x8000_0000
const GO_MODE_SYMLINK = 0x0800_0000

/** Returns what the block of a dag-pb or raw node tells. Throws `failed` for other nodes. */
export function statNode(cid: CID, bytes: Uint8Array): NodeStat {
  if (cid.code === RAW) {
    const size = bytes.length
    return { size, cumulativeSize: size, blocks: 0, type: 'file', goMode: 0, mtime: undefined }
  }
  if (cid.code !== DAG_PB) throw new Failure('failed', 'not unixfs node (proto or raw)')
  const { data, links } = decodeDagPb(bytes)
  const unixfs = decodeUnixfs(data ?? new Uint8Array(0))
  const isFolder = unixfs.type === 'directory' || unixfs.type === 'hamt-sharded-directory'
  return {
    size: fileSizeOf(unixfs),
    cumulativeSize: links.reduce((sum, link) => sum + link.size, bytes.length),
    blocks: links.length,
    type: isFolder ? 'directory' : 'file',
    goMode: goMode(unixfs, isFolder),
    mtime:
      unixfs.mtime === undefined
        ? undefined
        : { seconds: Number(unixfs.mtime.seconds), nanoseconds: unixfs.mtime.nanoseconds ?? 0 },
  }
}

/** Returns the bytes of a file, or of the target of a symbolic link; 0 for what is neither. */
export function fileSizeOf(unixfs: UnixFs): number {
  if (unixfs.type === 'file' || unixfs.type === 'raw') return Number(unixfs.fileSize ?? 0)
  return unixfs.type === 'symlink' ? (unixfs.data?.length ?? 0) : 0
}

function goMode(unixfs: UnixFs, isFolder: boolean): number {
  const permissions = (unixfs.mode ?? 0) & 0xfff
  const isLink = unixfs.type === 'symlink'
  if (permissions === 0) return isLink ? GO_MODE_SYMLINK + 0o777 : 0
  const special = ((permissions & 0xc00) << 12) | ((permissions & 0x200) << 11)
  return (isFolder ? GO_MODE_DIR : isLink ? GO_MODE_SYMLINK : 0) + special + (permissions & 0o777)
}

/** How much of a DAG is in the repo. */
export interface Locality {
  readonly local: boolean
  /** Bytes of its blocks that are here; those that occur several times count each time, as in its cumulative size. */
  readonly size: number
}

/** Walks the blocks of a DAG that are here, each once. */
export async function localityOf(
  blocks: Pick<Blocks, 'get' | 'stat'>,
  root: CID,
  waiting: Waiting = {},
): Promise<Locality> {
  const known = new Map<string, Locality>()
  const stack: { cid: CID; children: readonly CID[] | undefined }[] = [{ cid: root, children: undefined }]
  const breath = new Breath()
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    await breath.take(waiting.signal)
    const key = String(top.cid)
    if (top.children === undefined && !known.has(key)) {
      const stat = await blocks.stat(top.cid, waiting)
      top.children = stat === undefined || stat.leaf ? [] : await childrenOf(blocks, top.cid, waiting)
      known.set(key, { local: stat !== undefined, size: stat?.size ?? 0 })
      for (const cid of top.children) if (!known.has(String(cid))) stack.push({ cid, children: undefined })
      continue
    }
    let total = known.get(key) ?? { local: false, size: 0 }
    for (const cid of top.children ?? []) {
      const below = known.get(String(cid)) ?? { local: false, size: 0 }
      total = { local: total.local && below.local, size: total.size + below.size }
    }
    known.set(key, total)
    stack.pop()
  }
  return known.get(String(root)) ?? { local: false, size: 0 }
}

async function childrenOf(blocks: Pick<Blocks, 'get'>, cid: CID, waiting: Waiting): Promise<readonly CID[]> {
  const links = await linksOf(cid, await blocks.get(cid, waiting))
  return links.map(link => link.cid)
}
