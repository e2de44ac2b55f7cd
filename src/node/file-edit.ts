import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import { Breath } from '../repo/pause.ts'
import type { Blocks, Waiting } from '../repo/roles.ts'
import { decodeDagPb, encodeDagPb } from './dag-pb.ts'
import { cutLeaves, type FlatFile, flatLeaves, flatParts, PieceReader, putInline } from './file-edit-flat.ts'
import {
  type FileFormat,
  type FilePart,
  type FileStat,
  fileBuilder,
  isPlain,
  type LevelledPart,
  putInner,
  putLeaf,
} from './file-layout.ts'
import { FileSource } from './file-source.ts'
import { DAG_PB, formatOf, putBlock, RAW } from './mfs/format.ts'
import { decodeUnixfs, encodeUnixfs } from './unixfs.ts'

type EditBlocks = Pick<Blocks, 'get' | 'getMany' | 'put'>

/** What is to become of a file. */
export interface FileChange {
  /** Where `data` goes; what lies between the present end and there becomes zeros. */
  readonly offset: number
  readonly data: AsyncIterable<Uint8Array>
  /** Begin with an empty file. */
  readonly truncate: boolean
  /** The bytes alone decide the CID: it is that of `add`. Otherwise Kubo's writer is followed while the file is small. */
  readonly likeAdd: boolean
}

export interface ChangedFile extends FilePart {
  /** How many bytes were written. */
  readonly written: number
}

/** A file's size is below this: it has to be an exact number. */
export const FILE_BYTES_MAX: number = Number.MAX_SAFE_INTEGER

/**
 * Writes into a file and returns the new one, which has the CID that `add` gives the same bytes: in chunks of one size only
 * the leaves that change, and the nodes above them, are written. Where `likeAdd` does not ask for that, and the file fits
 * under one root, it becomes what Kubo's writer makes of it (`docs/decisions/002-cids-of-files-write.md`). Memory stays bounded. The blocks still
 * have to be flushed.
 */
export async function changeFile(
  blocks: EditBlocks,
  file: CID | undefined,
  change: FileChange,
  format: FileFormat,
  stat: FileStat,
  waiting: Waiting = {},
): Promise<ChangedFile> {
  const leafBytes = leafBytesOf(format.chunker)
  if (change.likeAdd || leafBytes === undefined) return await changeLikeAdd(blocks, file, change, format, stat, waiting)
  const flat = await flatLeaves(blocks, file, format, waiting)
  if (flat === undefined && !change.truncate) {
    return await changeLikeAdd(blocks, file, change, format, stat, waiting)
  }
  // What is too much for one root is known before anything is stored, unless chunks are large.
  const head = await readAhead(change.data, Math.min(leafBytes * format.maxLinks, HEAD_BYTES_MAX))
  const whole = { ...change, data: head.data }
  if (head.bytes > leafBytes * format.maxLinks) {
    return await changeLikeAdd(blocks, file, whole, format, stat, waiting)
  }
  const old = flat ?? { inline: undefined, leaves: [] }
  return await changeFlat(blocks, old, whole, { ...format, leafBytes }, stat, waiting)
}

/** So much data is held before it is decided how the file is made. */
const HEAD_BYTES_MAX = 64 * 1024 * 1024

/** Reads a stream until there are more than so many bytes, or none; `data` yields all of it. */
async function readAhead(
  source: AsyncIterable<Uint8Array>,
  bytesMax: number,
): Promise<{ bytes: number; data: AsyncGenerator<Uint8Array> }> {
  const pieces = source[Symbol.asyncIterator]()
  const held: Uint8Array[] = []
  let bytes = 0
  while (bytes <= bytesMax) {
    const next = await pieces.next()
    if (next.done === true) break
    held.push(next.value)
    bytes += next.value.length
  }
  async function* data(): AsyncGenerator<Uint8Array> {
    try {
      for (let piece = held.shift(); piece !== undefined; piece = held.shift()) yield piece
      for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) yield next.value
    } finally {
      await pieces.return?.()
    }
  }
  return { bytes, data: data() }
}

/** Writes into a file so that its bytes alone decide its DAG. */
async function changeLikeAdd(
  blocks: EditBlocks,
  file: CID | undefined,
  change: Omit<FileChange, 'likeAdd'>,
  format: FileFormat,
  stat: FileStat,
  waiting: Waiting,
): Promise<ChangedFile> {
  const kept = change.truncate ? undefined : file
  const old = await FileSource.open(blocks, kept, format, waiting)
  const writer = new PartWriter(blocks, old, change, format, waiting)
  const builder = fileBuilder(blocks, format)
  for await (const { part, level } of writer.parts()) await builder.add(part, level)
  const built = (await builder.finish()) ?? (await putLeaf(blocks, new Uint8Array(0), format))
  return { ...(isPlain(stat) ? built : await withStat(blocks, built, format, stat)), written: writer.written }
}

/** Writes into a file as Kubo does, of which that are the leaves, as long as all its leaves hang on the root. */
async function changeFlat(
  blocks: EditBlocks,
  { inline: oldInline, leaves }: FlatFile,
  { offset, truncate, data }: FileChange,
  format: FileFormat & { readonly leafBytes: number },
  stat: FileStat,
  waiting: Waiting,
): Promise<ChangedFile> {
  const { leafBytes } = format
  const trickle: FileFormat = { ...format, layout: 'trickle' }
  const kept = truncate ? await cutLeaves(blocks, leaves, trickle) : leaves
  const reader = new PieceReader(data)
  const take = async (bytesMax: number): Promise<Uint8Array> => {
    if (offset + reader.taken + bytesMax > FILE_BYTES_MAX) throw new Failure('failed', 'the file is too large')
    return await reader.take(bytesMax)
  }
  const parts: FilePart[] = []
  try {
    // As with Kubo, the place of what was cut stays.
    const inline = oldInline === undefined || !truncate ? await writeInline(oldInline, offset, take) : new Uint8Array(0)
    const below = Math.max(0, offset - (inline?.length ?? 0))
    const breath = new Breath()
    for await (const part of flatParts(
      blocks,
      kept,
      { offset: below, take },
      { format: trickle, leafBytes, waiting },
    )) {
      parts.push(part)
      // The others all are behind what was there: zeros, or new data.
      if (parts.length > format.maxLinks) break
      await breath.take(waiting.signal)
    }
    const inner = await putInner(blocks, parts, trickle)
    const flat = inline === undefined ? inner : await putInline(blocks, inner, inline)
    if (parts.length > format.maxLinks) {
      const rest = { offset: Math.max(offset, flat.fileSize), data: reader.rest(), truncate: false }
      const taken = reader.taken
      const changed = await changeLikeAdd(blocks, flat.cid, rest, format, stat, waiting)
      return { ...changed, written: taken + changed.written }
    }
    const root = await unwrapSingle(flat, blocks, format, stat)
    return { ...(isPlain(stat) ? root : await withStat(blocks, root, format, stat)), written: reader.taken }
  } finally {
    await reader.close()
  }
}

/** Returns what stands in the root of a file, with data written over it where it falls upon it. */
async function writeInline(
  old: Uint8Array | undefined,
  offset: number,
  take: (bytesMax: number) => Promise<Uint8Array>,
): Promise<Uint8Array | undefined> {
  if (old === undefined || offset >= old.length) return old
  const inline = Uint8Array.from(old)
  inline.set(await take(old.length - offset), offset)
  return inline
}

/** Turns old leaves, zeros and new data into the leaves, and where it can the subtrees, of the new file. */
class PartWriter {
  written = 0
  readonly #blocks: EditBlocks
  readonly #old: FileSource
  readonly #change: Omit<FileChange, 'likeAdd'>
  readonly #format: FileFormat
  readonly #waiting: Waiting
  readonly #breath = new Breath()

  constructor(
    blocks: EditBlocks,
    old: FileSource,
    change: Omit<FileChange, 'likeAdd'>,
    format: FileFormat,
    waiting: Waiting,
  ) {
    this.#blocks = blocks
    this.#old = old
    this.#change = change
    this.#format = format
    this.#waiting = waiting
  }

  async *parts(): AsyncGenerator<LevelledPart> {
    const leafBytes = leafBytesOf(this.#format.chunker)
    if (leafBytes !== undefined) {
      yield* this.#parts(leafBytes)
      return
    }
    const { chunk } = await import('./importer/chunk.ts')
    for await (const data of chunk(this.#content(), this.#format.chunker)) {
      await this.#breath.take(this.#waiting.signal)
      yield { part: await putLeaf(this.#blocks, data, this.#format), level: 0 }
    }
  }

  /** Yields the bytes of the new file. */
  async *#content(): AsyncGenerator<Uint8Array> {
    const { offset } = this.#change
    yield* this.#old.read(0, Math.min(offset, this.#old.size))
    for (let at = this.#old.size; at < offset; ) {
      const zeros = new Uint8Array(Math.min(ZERO_BYTES, offset - at))
      at += zeros.length
      yield zeros
      await this.#breath.take(this.#waiting.signal)
    }
    yield* this.#data()
    const end = offset + this.written
    if (end < this.#old.size) yield* this.#old.read(end, this.#old.size)
  }

  async *#data(): AsyncGenerator<Uint8Array> {
    for await (const piece of this.#change.data) {
      this.written += piece.length
      if (this.#change.offset + this.written > FILE_BYTES_MAX) throw new Failure('failed', 'the file is too large')
      yield piece
    }
  }

  /** Yields the parts of a file in chunks of `leafBytes`. */
  async *#parts(leafBytes: number): AsyncGenerator<LevelledPart> {
    const { offset } = this.#change
    const leaf = new LeafBuffer(leafBytes)
    yield* this.#keep({ from: 0, to: Math.min(offset, this.#old.size), final: false }, leaf)
    yield* this.#zeros(offset - this.#old.size, leaf)
    for await (const piece of this.#data()) yield* this.#fill(piece, leaf)
    yield* this.#keep({ from: offset + this.written, to: this.#old.size, final: true }, leaf)
    if (leaf.length > 0) yield await this.#leaf(leaf)
  }

  async *#fill(piece: Uint8Array, leaf: LeafBuffer): AsyncGenerator<LevelledPart> {
    for (let at = 0; at < piece.length; ) {
      at += leaf.take(piece.subarray(at))
      if (!leaf.full) continue
      yield await this.#leaf(leaf)
      await this.#breath.take(this.#waiting.signal)
    }
  }

  async #leaf(leaf: LeafBuffer): Promise<LevelledPart> {
    return { part: await putLeaf(this.#blocks, leaf.release(), this.#format), level: 0 }
  }

  /** Takes the bytes `from` to `to` over from the old file: as they are where leaves begin and end alike. */
  async *#keep(
    { from, to, final }: { from: number; to: number; final: boolean },
    leaf: LeafBuffer,
  ): AsyncGenerator<LevelledPart> {
    if (from >= to) return
    const leafBytes = leaf.capacity
    // Up to where a leaf begins, the bytes share a leaf with what was written.
    const aligned = Math.min(to, leaf.length === 0 ? from : from - (from % leafBytes) + leafBytes)
    for await (const piece of this.#old.read(from, aligned)) yield* this.#fill(piece, leaf)
    if (aligned === to) return
    for await (const part of this.#old.parts(aligned, to, { leafBytes, final })) {
      if ('bytes' in part) yield* this.#fill(part.bytes, leaf)
      else yield part
      await this.#breath.take(this.#waiting.signal)
    }
  }

  async *#zeros(count: number, leaf: LeafBuffer): AsyncGenerator<LevelledPart> {
    let left = count
    if (left <= 0) return
    const leafBytes = leaf.capacity
    let position = this.#old.size
    if (leaf.length > 0) {
      const filling = Math.min(left, leafBytes - leaf.length)
      yield* this.#fill(new Uint8Array(filling), leaf)
      left -= filling
      position += filling
    }
    const subtrees: FilePart[] = []
    const { maxLinks, layout } = this.#format
    while (left >= leafBytes) {
      let level = 0
      let bytes = leafBytes
      while (layout === 'balanced' && position % (bytes * maxLinks) === 0 && bytes * maxLinks <= left) {
        level += 1
        bytes *= maxLinks
      }
      yield { part: await this.#zeroPart(level, leafBytes, subtrees), level }
      left -= bytes
      position += bytes
      await this.#breath.take(this.#waiting.signal)
    }
    if (left > 0) yield* this.#fill(new Uint8Array(left), leaf)
  }

  /** Returns a full subtree of zeros; `known` keeps one of each level. */
  async #zeroPart(level: number, leafBytes: number, known: FilePart[]): Promise<FilePart> {
    for (let at = known.length; at <= level; at += 1) {
      const below = known[at - 1]
      known.push(
        below === undefined
          ? await putLeaf(this.#blocks, new Uint8Array(leafBytes), this.#format)
          : await putInner(this.#blocks, new Array<FilePart>(this.#format.maxLinks).fill(below), this.#format),
      )
    }
    const part = known[level]
    if (part === undefined) throw new Error('no zero subtree')
    return part
  }
}

const ZERO_BYTES = 262_144

/** Collects the bytes of one leaf. */
class LeafBuffer {
  readonly capacity: number
  #bytes: Uint8Array
  length = 0

  constructor(capacity: number) {
    this.capacity = capacity
    this.#bytes = new Uint8Array(0)
  }

  get full(): boolean {
    return this.length === this.capacity
  }

  /** Takes what fits; returns how much that was. */
  take(piece: Uint8Array): number {
    const count = Math.min(piece.length, this.capacity - this.length)
    if (this.#bytes.length < this.length + count) {
      // Grow with the content: a small file needs no buffer for a whole leaf.
      const larger = new Uint8Array(Math.min(this.capacity, Math.max(2 * this.#bytes.length, this.length + count)))
      larger.set(this.#bytes.subarray(0, this.length))
      this.#bytes = larger
    }
    this.#bytes.set(piece.subarray(0, count), this.length)
    this.length += count
    return count
  }

  /** Returns the leaf and begins the next. The store keeps the bytes, so they are not used again. */
  release(): Uint8Array {
    const bytes = this.#bytes.subarray(0, this.length)
    this.#bytes = new Uint8Array(0)
    this.length = 0
    return bytes
  }
}

/** Returns the size of the leaves that a chunker makes, when it makes them all alike. */
function leafBytesOf(chunker: string): number | undefined {
  if (chunker === '' || chunker === 'default') return 262_144
  const match = /^size-(\d+)$/.exec(chunker)
  if (match === null) return undefined
  const bytes = Number(match[1])
  if (bytes < 1 || bytes > LEAF_BYTES_MAX) throw new Failure('usage', `the chunker ${chunker} has no usable size`)
  return bytes
}

const LEAF_BYTES_MAX = 2 * 1024 * 1024 - 256

/** In MFS a trickle DAG of one raw leaf is that leaf, as with Kubo. */
async function unwrapSingle(root: FilePart, blocks: EditBlocks, format: FileFormat, stat: FileStat): Promise<FilePart> {
  if (!format.rawLeaves || stat.mode !== undefined || stat.mtime !== undefined) return root
  const { links } = decodeDagPb(await blocks.get(root.cid))
  const only = links[0]
  if (links.length !== 1 || only === undefined || only.cid.code !== RAW) return root
  return { cid: only.cid, size: only.size, fileSize: root.fileSize }
}

/** Returns the file with that metadata, and no other, in its root. A raw leaf, which can hold none, becomes a dag-pb leaf. */
export async function withStat(
  blocks: EditBlocks,
  part: FilePart,
  format: FileFormat,
  stat: FileStat,
): Promise<FilePart> {
  const bytes = await blocks.get(part.cid)
  if (part.cid.code !== DAG_PB) return await putLeaf(blocks, bytes, format, stat)
  const { data, links } = decodeDagPb(bytes)
  const unixfs = decodeUnixfs(data ?? new Uint8Array(0))
  const root = encodeDagPb({ data: encodeUnixfs({ ...unixfs, mode: stat.mode, mtime: stat.mtime }), links })
  const cid = await putBlock(blocks, DAG_PB, root, formatOf(part.cid), links.length === 0)
  return { cid, size: links.reduce((sum, link) => sum + link.size, root.length), fileSize: part.fileSize }
}
