import type { CID } from 'multiformats/cid'
import { Breath } from '../repo/pause.ts'
import type { Block, Blocks, GetManyOptions } from '../repo/roles.ts'
import { type FileNode, fileNodeOf, malformedFile } from './file-node.ts'

export type { FileNode } from './file-node.ts'

const RAW = 0x55
/** Deeper files are refused: one of 2^53 bytes with two links to a node and one byte to a leaf has 54 levels. */
const DEPTH_MAX = 64
/** So many blocks in a row without a byte of the file are refused: a few blocks can make 2^60 empty paths. */
const BARREN_MAX = 100_000

export interface ReadFileOptions extends GetManyOptions {
  /** Where to begin, in bytes. Nothing that lies before is read. */
  readonly offset?: number | undefined
  /** How many bytes to yield at most. Nothing that lies behind is read. */
  readonly length?: number | undefined
}

type FileBlocks = Pick<Blocks, 'get' | 'getMany'>

/**
 * Yields the bytes of a file in pieces of its blocks, views that must not be changed. Leaves are read and hashed ahead.
 * Throws `failed` where a part has another size than its parent says.
 */
export async function* readFile(
  blocks: FileBlocks,
  root: FileNode,
  options: ReadFileOptions = {},
): AsyncIterable<Uint8Array> {
  const reading = new Reading(root, options)
  const frames: Frame[] = []
  const breath = new Breath()
  try {
    let node: FileNode | undefined = root
    while (reading.left > 0) {
      if (node !== undefined) {
        const piece = reading.take(node)
        if (piece !== undefined) {
          options.memory?.hand()
          yield piece
        }
        if (node.links.length > 0) {
          if (frames.length >= DEPTH_MAX) throw malformedFile(root.cid, `it is deeper than ${DEPTH_MAX} levels`)
          frames.push(new Frame(blocks, node, reading, options))
        }
      }
      const frame = frames.at(-1)
      if (frame === undefined) break
      node = await frame.next()
      if (node === undefined) {
        await frames.pop()?.close()
        continue
      }
      reading.count()
      if (breath.due) await breath.take(options.signal)
    }
    reading.end()
  } finally {
    for (const frame of frames) await frame.close()
  }
}

/** How far a file was read. */
class Reading {
  /** Bytes to pass over before the first is yielded. */
  skip: number
  /** Bytes to yield still. Infinity when the file does not tell its size. */
  left: number
  readonly #root: FileNode
  #done = 0
  #barren = 0

  constructor(root: FileNode, { offset = 0, length = Number.POSITIVE_INFINITY }: ReadFileOptions) {
    this.#root = root
    this.skip = offset
    // What only says how large it is as a whole is read to its end, to see whether that is so.
    this.left = hasSizes(root) ? Math.max(0, Math.min(length, root.size - offset)) : length
    if (offset > 0 && this.left > 0 && !hasSizes(root)) throw cannotSeek(root.cid)
  }

  /** Returns what the caller wants of the bytes in the node itself. */
  take({ data }: FileNode): Uint8Array | undefined {
    if (data.length <= this.skip) {
      this.skip -= data.length
      return undefined
    }
    const isWhole = this.skip === 0 && data.length <= this.left
    const piece = isWhole ? data : data.subarray(this.skip, this.skip + Math.min(this.left, data.length))
    this.skip = 0
    this.left -= piece.length
    this.#done += piece.length
    this.#barren = 0
    return piece
  }

  /** Counts a block that was read. */
  count(): void {
    this.#barren += 1
    if (this.#barren > BARREN_MAX) throw malformedFile(this.#root.cid, 'it consists of empty parts')
  }

  /** Throws when the file ended elsewhere than it says. */
  end(): void {
    const { cid, size } = this.#root
    if (this.left === 0 || Number.isNaN(size) || this.#done === size) return
    throw malformedFile(cid, `it holds ${this.#done} bytes and says ${size}`)
  }
}

function hasSizes(node: FileNode): boolean {
  return node.links.length === 0 || node.sizes !== undefined
}

function cannotSeek(cid: CID): Error {
  return malformedFile(cid, 'it does not tell the sizes of its parts, so nothing can be passed over')
}

/** A node whose children are being read, those of them that the caller wants. */
class Frame {
  readonly #blocks: FileBlocks
  readonly #node: FileNode
  readonly #options: GetManyOptions
  #at: number
  readonly #end: number
  /** Runs of leaves are read ahead, many at a time. */
  #run: AsyncIterator<Block> | undefined
  /** Of inner nodes only the next is read ahead: they are large, and their leaves come between. */
  #next: Promise<Uint8Array> | undefined

  constructor(blocks: FileBlocks, node: FileNode, reading: Reading, options: GetManyOptions) {
    this.#blocks = blocks
    this.#node = node
    this.#options = options
    const { sizes, links } = node
    this.#at = 0
    this.#end = links.length
    if (sizes === undefined) {
      if (reading.skip > 0) throw cannotSeek(node.cid)
      return
    }
    while (this.#at < sizes.length && reading.skip > 0 && reading.skip >= (sizes[this.#at] ?? 0)) {
      reading.skip -= sizes[this.#at] ?? 0
      this.#at += 1
    }
    let wanted = reading.skip + reading.left
    for (this.#end = this.#at; this.#end < sizes.length && wanted > 0; this.#end++) wanted -= sizes[this.#end] ?? 0
  }

  /** Returns the next child; undefined after the last. */
  async next(): Promise<FileNode | undefined> {
    const link = this.#node.links[this.#at]
    if (link === undefined || this.#at >= this.#end) return undefined
    const child = await this.#readNode(link.cid)
    const size = this.#node.sizes?.[this.#at]
    if (size !== undefined && (child.size !== size || !hasSizes(child))) {
      const says = hasSizes(child) ? `it has ${child.size} bytes` : 'it does not tell the sizes of its parts'
      throw malformedFile(link.cid, `${says} and ${this.#node.cid} says ${size}`)
    }
    this.#at += 1
    if (this.#run === undefined && this.#at < this.#end) this.#readAhead(child)
    return child
  }

  async #readNode(cid: CID): Promise<FileNode> {
    const bytes = await this.#read(cid)
    const node = fileNodeOf(cid, bytes)
    // Its links are views of bytes that others may follow.
    return node.links.length > 0 && this.#options.memory !== undefined ? fileNodeOf(cid, bytes.slice()) : node
  }

  async #read(cid: CID): Promise<Uint8Array> {
    if (this.#run === undefined && cid.code === RAW) this.#startRun()
    if (this.#run !== undefined) {
      const next = await this.#run.next()
      if (next.done === true) throw new Error('getMany yielded fewer blocks than were asked for')
      return next.value.bytes
    }
    const bytes = this.#next ?? this.#blocks.get(cid, this.#options)
    this.#next = undefined
    return await bytes
  }

  #readAhead(last: FileNode): void {
    if (last.links.length === 0) {
      this.#startRun()
      return
    }
    const link = this.#node.links[this.#at]
    if (link === undefined || link.cid.code === RAW) return
    this.#next = this.#blocks.get(link.cid, this.#options)
    // Whoever takes it in its turn meets the failure.
    this.#next.catch(() => undefined)
  }

  #startRun(): void {
    const cids = this.#node.links.slice(this.#at, this.#end).map(link => link.cid)
    this.#run = this.#blocks.getMany(cids, this.#options)[Symbol.asyncIterator]()
  }

  async close(): Promise<void> {
    await this.#run?.return?.()
  }
}
