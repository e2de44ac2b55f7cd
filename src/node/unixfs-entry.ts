import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import { nameFromBytes } from '../contract/surrogate-escape.ts'
import type { Blocks, Waiting } from '../repo/roles.ts'
import { decodeDagPb } from './dag-pb.ts'
import type { PbBlock } from './directory.ts'
import { type FileNode, fileNodeOf } from './file-node.ts'
import { decodeUnixfs, type UnixFs } from './unixfs.ts'

const DAG_PB = 0x70
const RAW = 0x55
/** A metadata node stands in front of a file. Longer chains of them are nobody's. */
const METADATA_MAX = 16

interface Described {
  readonly cid: CID
  /** Permission bits with setuid, setgid and sticky; undefined when there are none. */
  readonly mode?: number | undefined
  readonly mtime?: UnixFs['mtime']
}

/** A file, whose root block was read. */
export interface FileEntry extends Described {
  readonly kind: 'file'
  readonly size: number
  readonly root: FileNode
}

/** A folder, whose root block was read. */
export interface DirectoryEntry extends Described {
  readonly kind: 'directory'
  readonly node: PbBlock
  readonly unixfs: UnixFs
  /** What the folder says is the size of all below it. Never trusted. */
  readonly size: number
}

export interface SymlinkEntry extends Described {
  readonly kind: 'symlink'
  /** Surrogate-escaped (`surrogate-escape.ts`). */
  readonly target: string
  readonly size: number
}

export type UnixfsEntry = FileEntry | DirectoryEntry | SymlinkEntry

/** Reads the root block of what may lie in a folder. Throws `failed` when it is no UnixFS. */
export async function openEntry(blocks: Pick<Blocks, 'get'>, cid: CID, options: Waiting = {}): Promise<UnixfsEntry> {
  let at = cid
  for (let count = 0; count < METADATA_MAX; count++) {
    const bytes = await blocks.get(at, options)
    const entry = entryOf(at, bytes)
    if (entry !== undefined) return entry
    // A metadata node: what it describes is its only link.
    const first = decodeDagPb(bytes).links[0]
    if (first === undefined) throw new Failure('failed', `malformed UnixFS ${at}: a metadata node without a link`)
    at = first.cid
  }
  throw new Failure('failed', `malformed UnixFS ${cid}: too many metadata nodes in a row`)
}

/** Returns what a block is the root of; undefined for a metadata node. */
export function entryOf(cid: CID, bytes: Uint8Array): UnixfsEntry | undefined {
  if (cid.code === RAW) return { kind: 'file', cid, size: bytes.length, root: fileNodeOf(cid, bytes) }
  if (cid.code !== DAG_PB) throw new Failure('failed', `${cid} is no UnixFS: its codec is 0x${cid.code.toString(16)}`)
  const node = decodeDagPb(bytes)
  const unixfs = decodeUnixfs(node.data ?? new Uint8Array(0))
  const bits = (unixfs.mode ?? 0) & 0o7777
  const described = { cid, mode: bits === 0 ? undefined : bits, mtime: unixfs.mtime }
  switch (unixfs.type) {
    case 'metadata':
      return undefined
    case 'symlink': {
      const data = unixfs.data ?? new Uint8Array(0)
      return { kind: 'symlink', ...described, target: nameFromBytes(data), size: data.length }
    }
    case 'directory':
    case 'hamt-sharded-directory': {
      const size = node.links.reduce((sum, link) => sum + link.size, bytes.length)
      return { kind: 'directory', ...described, node, unixfs, size: Math.min(size, Number.MAX_SAFE_INTEGER) }
    }
    default: {
      const root = fileNodeOf(cid, bytes, { node, unixfs })
      return { kind: 'file', ...described, size: root.size, root }
    }
  }
}
