import type { CID } from 'multiformats/cid'
import type { Blocks, Waiting } from '../repo/roles.ts'
import { decodeDagPb } from './dag-pb.ts'
import type { FileFormat, LevelledPart } from './file-layout.ts'
import { type FileNode, fileNodeOf, malformedFile } from './file-node.ts'
import { readFile } from './file-reader.ts'
import { RAW } from './mfs/format.ts'
import { decodeUnixfs } from './unixfs.ts'

interface Child {
  readonly cid: CID
  readonly size: number
  readonly fileSize: number
}

interface Loaded {
  readonly file: FileNode
  readonly children: readonly Child[]
  /** The cumulative size of the DAG. */
  readonly size: number
  /** True for a node of the kind that the balanced layout makes leaves of. */
  readonly ofFile: boolean
  /** True when the node carries metadata. */
  readonly hasStat: boolean
}

type SourceBlocks = Pick<Blocks, 'get' | 'getMany'>

/** How what is kept of a file lies in the new one. */
interface Keeping {
  readonly leafBytes: number
  /** True when the file ends where the part to keep ends, so that its last leaf may be a short one. */
  readonly final: boolean
}

/** Deeper files are refused: a balanced file of 2^53 bytes in chunks of one byte has seven levels. */
const DEPTH_MAX = 64

/**
 * An existing file, read by ranges, and taken over leaf by leaf, or subtree by subtree, where its DAG is what the
 * importer would make.
 */
export class FileSource {
  readonly size: number
  readonly #blocks: SourceBlocks
  readonly #root: CID | undefined
  readonly #waiting: Waiting
  readonly #maxLinks: number
  /** The levels of inner nodes; undefined when leaves cannot be taken over. */
  #levels: number | undefined
  /** True when inner nodes can be taken over too. */
  #sameFormat = false

  private constructor(blocks: SourceBlocks, root: CID | undefined, size: number, maxLinks: number, waiting: Waiting) {
    this.#blocks = blocks
    this.#root = root
    this.size = size
    this.#maxLinks = maxLinks
    this.#waiting = waiting
  }

  /** Opens a file of which parts are wanted in that format; without one it is empty. */
  static async open(
    blocks: SourceBlocks,
    root: CID | undefined,
    format: FileFormat,
    waiting: Waiting = {},
  ): Promise<FileSource> {
    if (root === undefined) return new FileSource(blocks, undefined, 0, format.maxLinks, waiting)
    const loaded = await load(blocks, root, waiting)
    const source = new FileSource(blocks, root, loaded.file.size, format.maxLinks, waiting)
    if (format.layout === 'balanced') await source.#measure(root, loaded, format)
    return source
  }

  /** Yields the bytes from `from` up to `to`. */
  async *read(from: number, to: number): AsyncGenerator<Uint8Array> {
    if (this.#root !== undefined) yield* this.#read({ cid: this.#root, fileSize: this.size }, 0, { from, to })
  }

  /** Yields the bytes of a range that lie below a node which begins at `start`. */
  async *#read(
    node: Pick<Child, 'cid' | 'fileSize'>,
    start: number,
    { from, to }: { readonly from: number; readonly to: number },
  ): AsyncGenerator<Uint8Array> {
    const offset = Math.max(0, from - start)
    const length = Math.min(node.fileSize, to - start) - offset
    if (length <= 0) return
    const { file } = await load(this.#blocks, node.cid, this.#waiting)
    if (file.size !== node.fileSize) throw malformedFile(node.cid, 'it is not as large as the node above it says')
    yield* readFile(this.#blocks, file, { offset, length, ...this.#waiting })
  }

  /** Yields what lies between `from`, where a leaf of the new file begins, and `to`: whole parts, else bytes. */
  async *parts(from: number, to: number, keeping: Keeping): AsyncGenerator<LevelledPart | { bytes: Uint8Array }> {
    if (this.#root === undefined) return
    if (this.#levels === undefined) {
      for await (const bytes of this.read(from, to)) yield { bytes }
      return
    }
    const { file, size } = await load(this.#blocks, this.#root, this.#waiting)
    yield* this.#parts({ cid: this.#root, size, fileSize: file.size }, this.#levels, 0, { from, to, ...keeping })
  }

  async *#parts(
    node: Child,
    level: number,
    start: number,
    range: Keeping & { readonly from: number; readonly to: number },
  ): AsyncGenerator<LevelledPart | { bytes: Uint8Array }> {
    const end = start + node.fileSize
    if (end <= range.from || start >= range.to) return
    if (start >= range.from && end <= range.to && this.#canTake(node, level, start, range)) {
      yield { part: node, level }
      return
    }
    const loaded = level === 0 ? undefined : await load(this.#blocks, node.cid, this.#waiting)
    if (loaded === undefined || loaded.file.data.length > 0) {
      for await (const bytes of this.#read(node, start, range)) yield { bytes }
      return
    }
    let at = start
    for (const child of loaded.children) {
      yield* this.#parts(child, level - 1, at, range)
      at += child.fileSize
    }
  }

  #canTake(node: Child, level: number, start: number, { leafBytes, final }: Keeping): boolean {
    if (level === 0) {
      if (start % leafBytes !== 0) return false
      return node.fileSize === leafBytes || (final && start + node.fileSize === this.size && node.fileSize < leafBytes)
    }
    const whole = leafBytes * this.#maxLinks ** level
    return this.#sameFormat && node.fileSize === whole && start % whole === 0
  }

  /**
   * Finds out what can be taken over. It looks at the path to the first leaf and at the last leaf: files that change
   * their kind of leaf in between come from appending with another program, and then the last leaf is of that kind.
   */
  async #measure(root: CID, loaded: Loaded, format: FileFormat): Promise<void> {
    if (loaded.children.length === 0) {
      if (!loaded.hasStat && isLeafOf(root, loaded, format)) this.#levels = 0
      return
    }
    const first = await this.#descend(loaded, 0)
    const last = await this.#descend(loaded, -1)
    if (first === undefined || last === undefined || first.levels !== last.levels) return
    if (!isLeafOf(first.cid, first.node, format) || !isLeafOf(last.cid, last.node, format)) return
    this.#levels = first.levels
    this.#sameFormat = root.version === format.version && root.multihash.code === format.hashCode
  }

  async #descend(root: Loaded, at: 0 | -1): Promise<{ levels: number; cid: CID; node: Loaded } | undefined> {
    let node = root
    for (let levels = 1; levels <= DEPTH_MAX; levels += 1) {
      if (node.file.data.length > 0) return undefined
      const child = node.children.at(at)
      if (child === undefined) return undefined
      node = await load(this.#blocks, child.cid, this.#waiting)
      if (node.children.length === 0) return { levels, cid: child.cid, node }
    }
    return undefined
  }
}

function isLeafOf(cid: CID, node: Loaded, format: FileFormat): boolean {
  if (cid.multihash.code !== format.hashCode) return false
  if (format.rawLeaves) return cid.code === RAW
  return cid.code !== RAW && cid.version === format.version && node.ofFile
}

async function load(blocks: Pick<Blocks, 'get'>, cid: CID, waiting: Waiting): Promise<Loaded> {
  const bytes = await blocks.get(cid, waiting)
  if (cid.code === RAW) {
    return { file: fileNodeOf(cid, bytes), children: [], size: bytes.length, ofFile: false, hasStat: false }
  }
  const node = decodeDagPb(bytes)
  const unixfs = decodeUnixfs(node.data ?? new Uint8Array(0))
  const file = fileNodeOf(cid, bytes, { node, unixfs })
  if (!Number.isSafeInteger(file.size)) throw malformedFile(cid, 'it does not tell the sizes of its parts')
  return {
    file,
    children: node.links.map((link, at) => ({ cid: link.cid, size: link.size, fileSize: file.sizes?.[at] ?? 0 })),
    size: node.links.reduce((sum, link) => sum + link.size, bytes.length),
    ofFile: unixfs.type === 'file',
    hasStat: unixfs.mode !== undefined || unixfs.mtime !== undefined,
  }
}
