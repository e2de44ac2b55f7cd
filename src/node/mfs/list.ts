import type { CID } from 'multiformats/cid'
import type { Waiting } from '../../repo/roles.ts'
import type { PbLink } from '../dag-pb.ts'
import { decodeDagPb } from '../dag-pb.ts'
import type { Node } from '../node.ts'
import { decodeUnixfs } from '../unixfs.ts'
import { openMfs } from './change.ts'
import { RAW } from './format.ts'
import { cleanMfsPath, nameOf } from './path.ts'
import { fileSizeOf } from './stat.ts'

export interface Listed {
  readonly name: string
  readonly type: 'file' | 'directory'
  /** Bytes of a file; 0 for a folder, or when it was not asked for. */
  readonly size: number
  /** Undefined when it was not asked for. */
  readonly cid: CID | undefined
}

/** What lies at a path of MFS: a folder, or a file, which has one entry: itself. */
export interface Listing {
  readonly type: 'file' | 'directory'
  readonly entries: readonly Listed[]
}

/** Returns the entries of a folder of MFS in the folder's order, or the one of a file. `long` reads each of them. */
export async function listMfs(node: Node, text: string, long: boolean, waiting: Waiting): Promise<Listing> {
  const path = cleanMfsPath(text)
  const { tree } = await openMfs(node, waiting)
  const entry = await tree.get(path)
  if (entry.kind === 'file') {
    const name = nameOf(path)
    if (!long) return { type: 'file', entries: [{ name, type: 'file', size: 0, cid: undefined }] }
    const size = entry.unixfs === undefined ? entry.bytes.length : fileSizeOf(entry.unixfs)
    return { type: 'file', entries: [{ name, type: 'file', size, cid: entry.cid }] }
  }
  const links: PbLink[] = []
  for await (const link of entry.edit.entries()) links.push(link)
  if (!long) {
    return { type: 'directory', entries: links.map(({ name }) => ({ name, type: 'file', size: 0, cid: undefined })) }
  }

  const listed: Listed[] = []
  const blocks = node.blocks.getMany(
    links.map(link => link.cid),
    waiting,
  )
  for await (const { bytes } of blocks) {
    const link = links[listed.length]
    if (link !== undefined) listed.push({ name: link.name, cid: link.cid, ...describe(link.cid, bytes) })
  }
  return { type: 'directory', entries: listed }
}

function describe(cid: CID, bytes: Uint8Array): Pick<Listed, 'type' | 'size'> {
  if (cid.code === RAW) return { type: 'file', size: bytes.length }
  const unixfs = decodeUnixfs(decodeDagPb(bytes).data ?? new Uint8Array(0))
  const isFolder = unixfs.type === 'directory' || unixfs.type === 'hamt-sharded-directory'
  return { type: isFolder ? 'directory' : 'file', size: fileSizeOf(unixfs) }
}
