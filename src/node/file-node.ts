import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import { decodeDagPb, type PbLink } from './dag-pb.ts'
import { decodeUnixfs, type UnixFs } from './unixfs.ts'

const DAG_PB = 0x70
const RAW = 0x55
const NOTHING = new Uint8Array(0)

/** A node of a file's DAG, of which what it says about sizes agrees with itself. */
export interface FileNode {
  readonly cid: CID
  /** The bytes of the file in the node itself: they come before those of its children. */
  readonly data: Uint8Array
  readonly links: readonly PbLink[]
  /** Bytes of the file below each link; undefined when the node does not tell. */
  readonly sizes: readonly number[] | undefined
  /** Bytes of the file in the node and below it, as it says. */
  readonly size: number
}

interface Decoded {
  readonly node: { readonly data: Uint8Array | undefined; readonly links: readonly PbLink[] }
  readonly unixfs: UnixFs
}

/** Returns the node of a file that a block holds. Throws `failed` when it is none, or contradicts itself. */
export function fileNodeOf(cid: CID, bytes: Uint8Array, decoded?: Decoded): FileNode {
  if (cid.code === RAW) return { cid, data: bytes, links: [], sizes: undefined, size: bytes.length }
  if (cid.code !== DAG_PB) throw malformedFile(cid, `its codec is 0x${cid.code.toString(16)}`)
  const { node, unixfs } = decoded ?? decode(bytes)
  if (unixfs.type !== 'file' && unixfs.type !== 'raw') throw malformedFile(cid, `a ${unixfs.type} lies in it`)
  const { links } = node
  const data = unixfs.data ?? NOTHING
  const declared = unixfs.fileSize === undefined ? undefined : exact(cid, unixfs.fileSize)
  const given = unixfs.blockSizes ?? []
  if (links.length === 0) {
    if (declared !== undefined && declared !== data.length) {
      throw malformedFile(cid, `it holds ${data.length} bytes and says ${declared}`)
    }
    return { cid, data, links, sizes: undefined, size: data.length }
  }
  if (given.length === 0) return { cid, data, links, sizes: undefined, size: declared ?? Number.NaN }
  if (given.length !== links.length) {
    throw malformedFile(cid, `it has ${links.length} links and the sizes of ${given.length}`)
  }
  const sizes = given.map(size => exact(cid, size))
  const size = sizes.reduce((sum, one) => sum + one, data.length)
  if (!Number.isSafeInteger(size)) throw tooLarge(cid)
  if (declared !== undefined && declared !== size) {
    throw malformedFile(cid, `its parts add up to ${size} bytes and it says ${declared}`)
  }
  return { cid, data, links, sizes, size }
}

function decode(bytes: Uint8Array): Decoded {
  const node = decodeDagPb(bytes)
  return { node, unixfs: decodeUnixfs(node.data ?? NOTHING) }
}

function exact(cid: CID, size: number | bigint): number {
  if (typeof size === 'bigint') throw tooLarge(cid)
  return size
}

function tooLarge(cid: CID): Failure {
  return malformedFile(cid, 'it is larger than 2^53 bytes')
}

/** Returns the failure of a file whose DAG cannot be read. */
export function malformedFile(cid: CID, reason: string): Failure {
  return new Failure('failed', `malformed UnixFS file ${cid}: ${reason}`)
}
