import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import type { Blocks } from '../repo/roles.ts'
import { encodeDagPb } from './dag-pb.ts'
import { type CidFormat, DAG_PB, putBlock, RAW } from './mfs/format.ts'
import { encodeUnixfs } from './unixfs.ts'

/** How the DAG of a file is made. */
export interface FileFormat extends CidFormat {
  readonly rawLeaves: boolean
  /** The chunker, as `add --chunker` takes it: `size-262144`, `rabin`, `buzhash`. */
  readonly chunker: string
  readonly layout: 'balanced' | 'trickle'
  readonly maxLinks: number
}

/** The optional metadata of a file. */
export interface FileStat {
  readonly mode?: number | undefined
  readonly mtime?: { readonly seconds: bigint | number; readonly nanoseconds?: number | undefined } | undefined
}

/** A part of a file: a leaf, or a node with all below it. */
export interface FilePart {
  readonly cid: CID
  /** The cumulative size of its DAG. */
  readonly size: number
  /** The bytes of the file that it holds. */
  readonly fileSize: number
}

/** Stores a leaf of a file. */
export async function putLeaf(
  blocks: Pick<Blocks, 'put'>,
  data: Uint8Array,
  format: FileFormat,
  stat: FileStat = {},
): Promise<FilePart> {
  const plain = stat.mode === undefined && stat.mtime === undefined
  if (format.rawLeaves && plain) {
    const cid = await putBlock(blocks, RAW, data, { ...format, version: 1 }, true)
    return { cid, size: data.length, fileSize: data.length }
  }
  const type = format.layout === 'trickle' && plain ? 'raw' : 'file'
  const content = data.length === 0 ? {} : { data }
  const bytes = encodeDagPb({ data: encodeUnixfs({ type, ...content, fileSize: data.length, ...stat }), links: [] })
  const cid = await putBlock(blocks, DAG_PB, bytes, format, true)
  return { cid, size: bytes.length, fileSize: data.length }
}

/** Stores an inner node of a file. */
export async function putInner(
  blocks: Pick<Blocks, 'put'>,
  parts: readonly FilePart[],
  format: FileFormat,
  stat: FileStat = {},
): Promise<FilePart> {
  const fileSize = parts.reduce((sum, part) => sum + part.fileSize, 0)
  const data = encodeUnixfs({ type: 'file', fileSize, blockSizes: parts.map(part => part.fileSize), ...stat })
  const bytes = encodeDagPb({ data, links: parts.map(({ cid, size }) => ({ name: '', cid, size })) })
  const cid = await putBlock(blocks, DAG_PB, bytes, format)
  return { cid, size: parts.reduce((sum, part) => sum + part.size, bytes.length), fileSize }
}

/** A part of a file in its order: a leaf, or a full subtree of so many levels above its leaves. */
export interface LevelledPart {
  readonly part: FilePart
  readonly level: number
}

/**
 * Builds the balanced layout: all leaves at one depth, each node but those on the right edge full. A file of a single
 * leaf is that leaf; of nothing, undefined. A subtree must stand where one of its levels begins.
 */
export async function buildBalanced(
  blocks: Pick<Blocks, 'put'>,
  parts: AsyncIterable<LevelledPart>,
  format: FileFormat,
): Promise<FilePart | undefined> {
  if (format.maxLinks < 2) throw new Failure('usage', `a node needs two links at least, not ${format.maxLinks}`)
  /** The nodes that wait for a parent, by their level. */
  const rows: FilePart[][] = []
  const add = async (part: FilePart, level: number): Promise<void> => {
    let rising: FilePart | undefined = part
    for (let at = level; rising !== undefined; at += 1) {
      while (rows.length <= at) rows.push([])
      const row = rows[at] ?? []
      row.push(rising)
      rising = row.length < format.maxLinks ? undefined : await putInner(blocks, row.splice(0), format)
    }
  }
  for await (const { part, level } of parts) await add(part, level)
  for (let level = 0; level < rows.length; level += 1) {
    const row = rows[level] ?? []
    const top = level === rows.length - 1
    if (top && row.length === 1) return row[0]
    if (row.length > 0) await add(await putInner(blocks, row.splice(0), format), level + 1)
  }
  return undefined
}

/** How many subtrees of one depth stand side by side in a trickle DAG. */
const TRICKLE_REPEAT = 4

/** Builds the trickle layout: a node holds leaves first, then subtrees that grow deeper and deeper. */
export async function buildTrickle(
  blocks: Pick<Blocks, 'put'>,
  parts: AsyncIterable<LevelledPart>,
  format: FileFormat,
): Promise<FilePart> {
  const iterator = parts[Symbol.asyncIterator]()
  const take = async (): Promise<FilePart | undefined> => {
    const result = await iterator.next()
    return result.done === true ? undefined : result.value.part
  }
  let next = await take()
  const fill = async (depthMax: number): Promise<FilePart> => {
    const children: FilePart[] = []
    for (; next !== undefined && children.length < format.maxLinks; next = await take()) children.push(next)
    for (let depth = 1; depth < depthMax && next !== undefined; depth += 1) {
      for (let turn = 0; turn < TRICKLE_REPEAT && next !== undefined; turn += 1) children.push(await fill(depth))
    }
    return await putInner(blocks, children, format)
  }
  return await fill(Number.POSITIVE_INFINITY)
}
