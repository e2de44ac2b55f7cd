import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import type { Blocks } from '../repo/roles.ts'
import { encodeDagPb } from './dag-pb.ts'
import { encodeLeaf, encodeLeafAround, LEAF_ROOM_BEFORE, type LeafType } from './file-leaf.ts'
import { type CidFormat, cidOfBlock, DAG_PB, putBlock, RAW } from './mfs/format.ts'
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

/** Returns true when there is no metadata. */
export function isPlain({ mode, mtime }: FileStat): boolean {
  return mode === undefined && mtime === undefined
}

/** Stores a leaf of a file. */
export async function putLeaf(
  blocks: Pick<Blocks, 'put'>,
  data: Uint8Array,
  format: FileFormat,
  stat: FileStat = {},
): Promise<FilePart> {
  const plain = isPlain(stat)
  if (format.rawLeaves && plain) {
    const cid = await putBlock(blocks, RAW, data, { ...format, version: 1 }, true)
    return { cid, size: data.length, fileSize: data.length }
  }
  const bytes = plain ? encodeLeaf(leafType(format), data) : encodeLeafWithStat(data, stat)
  const cid = await putBlock(blocks, DAG_PB, bytes, format, true)
  return { cid, size: bytes.length, fileSize: data.length }
}

function leafType({ layout }: FileFormat): LeafType {
  return layout === 'trickle' ? 'raw' : 'file'
}

function encodeLeafWithStat(data: Uint8Array, stat: FileStat): Uint8Array {
  const content = data.length === 0 ? {} : { data }
  return encodeDagPb({ data: encodeUnixfs({ type: 'file', ...content, fileSize: data.length, ...stat }), links: [] })
}

/**
 * Stores a leaf whose data lie in `bytes`, with room around them for the block (`file-leaf.ts`). `release` is called
 * when `bytes` may be used again.
 */
export async function putLeafInPlace(
  blocks: Pick<Blocks, 'put'>,
  bytes: Uint8Array,
  length: number,
  format: FileFormat,
  release: () => void,
): Promise<FilePart> {
  const { rawLeaves } = format
  const block = rawLeaves
    ? bytes.subarray(LEAF_ROOM_BEFORE, LEAF_ROOM_BEFORE + length)
    : encodeLeafAround(leafType(format), bytes, length)
  const cid = await cidOfBlock(rawLeaves ? RAW : DAG_PB, block, rawLeaves ? { ...format, version: 1 } : format)
  await blocks.put(cid, block, { leaf: true, release })
  return { cid, size: block.length, fileSize: length }
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

/** Builds the nodes above the leaves of one file, which are added in their order. */
export interface FileBuilder {
  /** Adds a leaf, or a full subtree, which must stand where one of its levels begins. */
  add(part: FilePart, level?: number): Promise<void>
  /** Returns the root, with that metadata when it is made now: a root that was added keeps what it has. */
  finish(stat?: FileStat): Promise<FilePart | undefined>
}

/** Returns a builder of the layout that the format names. */
export function fileBuilder(blocks: Pick<Blocks, 'put'>, format: FileFormat): FileBuilder {
  return format.layout === 'trickle' ? new TrickleBuilder(blocks, format) : new BalancedBuilder(blocks, format)
}

/**
 * The balanced layout: all leaves at one depth, each node but those on the right edge full. A file of a single leaf is
 * that leaf; of nothing, undefined.
 */
class BalancedBuilder implements FileBuilder {
  readonly #blocks: Pick<Blocks, 'put'>
  readonly #format: FileFormat
  /** The nodes that wait for a parent, by their level. A row gets its parent when the next part shows that there is more. */
  readonly #rows: FilePart[][] = []

  constructor(blocks: Pick<Blocks, 'put'>, format: FileFormat) {
    if (format.maxLinks < 2) throw new Failure('usage', `a node needs two links at least, not ${format.maxLinks}`)
    this.#blocks = blocks
    this.#format = format
  }

  async add(part: FilePart, level = 0): Promise<void> {
    for (let below = 0; below < level; below += 1) await this.#raise(below)
    if (this.#row(level).length === this.#format.maxLinks) await this.#raise(level)
    this.#row(level).push(part)
  }

  async finish(stat: FileStat = {}): Promise<FilePart | undefined> {
    for (let level = 0; level < this.#rows.length; level += 1) {
      const row = this.#row(level)
      const isTop = level === this.#rows.length - 1
      if (isTop && row.length === 1) return row[0]
      if (isTop && row.length > 0) return await putInner(this.#blocks, row, this.#format, stat)
      await this.#raise(level)
    }
    return undefined
  }

  /** Puts the parent of a row, if there is anything in it, into the row above. */
  async #raise(level: number): Promise<void> {
    const row = this.#row(level)
    if (row.length === 0) return
    const parent = await putInner(this.#blocks, row, this.#format)
    this.#rows[level] = []
    await this.add(parent, level + 1)
  }

  #row(level: number): FilePart[] {
    for (let at = this.#rows.length; at <= level; at += 1) this.#rows.push([])
    return this.#rows[level] ?? []
  }
}

/** How many subtrees of one depth stand side by side in a trickle DAG. */
const TRICKLE_REPEAT = 4

/** A node of a trickle DAG that is still open. */
interface TrickleNode {
  readonly children: FilePart[]
  /** How many of the children are leaves. */
  leaves: number
  /** Its subtrees are less deep than this. */
  readonly depthMax: number
  /** How many subtrees it has. */
  subtrees: number
}

/** The trickle layout: a node holds leaves first, then subtrees that grow deeper and deeper. */
class TrickleBuilder implements FileBuilder {
  readonly #blocks: Pick<Blocks, 'put'>
  readonly #format: FileFormat
  /** The nodes that are open, the root first. */
  readonly #open: TrickleNode[] = [openNode(Number.POSITIVE_INFINITY)]

  constructor(blocks: Pick<Blocks, 'put'>, format: FileFormat) {
    this.#blocks = blocks
    this.#format = format
  }

  async add(part: FilePart): Promise<void> {
    for (;;) {
      const node = this.#innermost()
      if (node.leaves < this.#format.maxLinks) {
        node.children.push(part)
        node.leaves += 1
        return
      }
      const depth = 1 + Math.floor(node.subtrees / TRICKLE_REPEAT)
      if (depth < node.depthMax) this.#open.push(openNode(depth))
      else await this.#close()
    }
  }

  async finish(stat: FileStat = {}): Promise<FilePart | undefined> {
    while (this.#open.length > 1) await this.#close()
    return await putInner(this.#blocks, this.#innermost().children, this.#format, stat)
  }

  async #close(): Promise<void> {
    const node = this.#innermost()
    this.#open.pop()
    const parent = this.#innermost()
    parent.children.push(await putInner(this.#blocks, node.children, this.#format))
    parent.subtrees += 1
  }

  #innermost(): TrickleNode {
    const node = this.#open.at(-1)
    if (node === undefined) throw new Error('the root of a trickle DAG is closed last')
    return node
  }
}

function openNode(depthMax: number): TrickleNode {
  return { children: [], leaves: 0, depthMax, subtrees: 0 }
}
