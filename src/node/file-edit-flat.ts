import type { CID } from 'multiformats/cid'
import type { Blocks, Waiting } from '../repo/roles.ts'
import { decodeDagPb, encodeDagPb } from './dag-pb.ts'
import { type FileFormat, type FilePart, putLeaf } from './file-layout.ts'
import { SHA2_256 } from './hash.ts'
import { type CidFormat, DAG_PB, formatOf, putBlock, RAW } from './mfs/format.ts'
import { decodeUnixfs, encodeUnixfs } from './unixfs.ts'

type EditBlocks = Pick<Blocks, 'get' | 'put'>

/** Kubo fills what lies between the end of a file and a write behind it with leaves of this size, whatever the chunker. */
const ZERO_LEAF_BYTES = 4096

/** A file whose root has nothing but leaves below it. */
export interface FlatFile {
  /** What stands in the root itself, before the leaves; undefined when it has no place for it. */
  readonly inline: Uint8Array | undefined
  readonly leaves: readonly FilePart[]
}

/**
 * Returns the leaves of a file whose root has nothing but leaves below it, as Kubo's writer leaves them: their sizes may
 * be of any kind. A file of one dag-pb node, as `add` makes it, stays in the root, and what is appended hangs below it.
 * Of a file that is not there, or empty, there are none. Returns undefined for another file.
 */
export async function flatLeaves(
  blocks: EditBlocks,
  file: CID | undefined,
  format: FileFormat,
  waiting: Waiting,
): Promise<FlatFile | undefined> {
  if (file === undefined) return { inline: undefined, leaves: [] }
  const bytes = await blocks.get(file, waiting)
  if (file.code === RAW) {
    if (!format.rawLeaves) return undefined
    return { inline: undefined, leaves: [{ cid: file, size: bytes.length, fileSize: bytes.length }] }
  }
  const { data, links } = decodeDagPb(bytes)
  const { type, data: inline, blockSizes = [] } = decodeUnixfs(data ?? new Uint8Array(0))
  if (inline !== undefined && type !== 'file') return undefined
  if (links.length > format.maxLinks || blockSizes.length !== links.length) return undefined
  for (const link of [links[0], links.at(-1)]) {
    if (link !== undefined && !(await isLeaf(blocks, link.cid, waiting))) return undefined
  }
  return { inline, leaves: links.map(({ cid, size }, at) => ({ cid, size, fileSize: Number(blockSizes[at]) })) }
}

/**
 * Returns the leaves that are left of a file when it is cut to nothing before it is written anew. Kubo leaves an empty
 * one, and those that earlier cuts have left, and so do we, for the sake of the same CIDs.
 */
export async function cutLeaves(
  blocks: EditBlocks,
  leaves: readonly FilePart[],
  format: FileFormat,
): Promise<FilePart[]> {
  const full = leaves.findIndex(({ fileSize }) => fileSize > 0)
  const cut = leaves[full]
  if (cut === undefined) return [...leaves]
  return [...leaves.slice(0, full), await rewriteLeaf(blocks, cut.cid, new Uint8Array(0), format, CUT_FORMAT)]
}

/** The empty leaf that Kubo leaves has a CIDv0, whatever the file has. */
const CUT_FORMAT: CidFormat = { version: 0, hashCode: SHA2_256 }

/**
 * Yields the leaves of the new file: those of the old one, where data falls upon them with the same sizes, then zeros up
 * to where the data begins, then what is left of the data, in leaves of their own.
 */
export async function* flatParts(
  blocks: EditBlocks,
  leaves: readonly FilePart[],
  change: { readonly offset: number; readonly take: (bytesMax: number) => Promise<Uint8Array> },
  options: { readonly format: FileFormat; readonly leafBytes: number; readonly waiting: Waiting },
): AsyncGenerator<FilePart> {
  const { format, leafBytes, waiting } = options
  let start = 0
  for (const leaf of leaves) {
    const end = start + leaf.fileSize
    const data = end <= change.offset ? new Uint8Array(0) : await change.take(end - Math.max(start, change.offset))
    if (data.length === 0) yield leaf
    else {
      const content = Uint8Array.from(await leafData(blocks, leaf.cid, waiting))
      content.set(data, Math.max(0, change.offset - start))
      yield await rewriteLeaf(blocks, leaf.cid, content, format)
    }
    start = end
  }
  let zeros: FilePart | undefined
  for (; start < change.offset; start += zeros.fileSize) {
    const length = Math.min(ZERO_LEAF_BYTES, change.offset - start)
    if (zeros?.fileSize !== length) zeros = await putLeaf(blocks, new Uint8Array(length), format)
    yield zeros
    waiting.signal?.throwIfAborted()
  }
  for (;;) {
    const data = await change.take(leafBytes)
    if (data.length === 0) return
    yield await putLeaf(blocks, data, format)
    waiting.signal?.throwIfAborted()
  }
}

/** Puts bytes into the root of a file, before what hangs below it. */
export async function putInline(blocks: EditBlocks, root: FilePart, inline: Uint8Array): Promise<FilePart> {
  const { data, links } = decodeDagPb(await blocks.get(root.cid))
  const unixfs = decodeUnixfs(data ?? new Uint8Array(0))
  const fileSize = inline.length + root.fileSize
  const bytes = encodeDagPb({ data: encodeUnixfs({ ...unixfs, data: inline, fileSize }), links })
  const cid = await putBlock(blocks, DAG_PB, bytes, formatOf(root.cid), links.length === 0)
  return { cid, size: links.reduce((sum, link) => sum + link.size, bytes.length), fileSize }
}

async function isLeaf(blocks: EditBlocks, cid: CID, waiting: Waiting): Promise<boolean> {
  if (cid.code === RAW) return true
  return cid.code === DAG_PB && decodeDagPb(await blocks.get(cid, waiting)).links.length === 0
}

async function leafData(blocks: EditBlocks, cid: CID, waiting: Waiting): Promise<Uint8Array> {
  const bytes = await blocks.get(cid, waiting)
  if (cid.code === RAW) return bytes
  return decodeUnixfs(decodeDagPb(bytes).data ?? new Uint8Array(0)).data ?? new Uint8Array(0)
}

/** Stores a leaf with other content, of the same kind as the old one. */
async function rewriteLeaf(
  blocks: EditBlocks,
  old: CID,
  content: Uint8Array,
  format: FileFormat,
  cidFormat: CidFormat = formatOf(old),
): Promise<FilePart> {
  if (old.code === RAW) return await putLeaf(blocks, content, { ...format, rawLeaves: true })
  const unixfs = decodeUnixfs(decodeDagPb(await blocks.get(old)).data ?? new Uint8Array(0))
  // Kubo writes the field of a leaf that it has emptied, too.
  const data = encodeUnixfs({ ...unixfs, data: content, fileSize: content.length })
  const bytes = encodeDagPb({ data, links: [] })
  const cid = await putBlock(blocks, DAG_PB, bytes, cidFormat, true)
  return { cid, size: bytes.length, fileSize: content.length }
}

/** Reads a stream in pieces of the sizes that are asked for. */
export class PieceReader {
  /** Bytes that were taken. */
  taken = 0
  readonly #pieces: AsyncIterator<Uint8Array>
  #rest: Uint8Array = new Uint8Array(0)

  constructor(data: AsyncIterable<Uint8Array>) {
    this.#pieces = data[Symbol.asyncIterator]()
  }

  /** Returns so many bytes, fewer at the end only. */
  async take(bytesMax: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    let length = 0
    while (length < bytesMax) {
      if (this.#rest.length === 0) {
        const next = await this.#pieces.next()
        if (next.done === true) break
        this.#rest = next.value
        continue
      }
      const part = this.#rest.subarray(0, bytesMax - length)
      this.#rest = this.#rest.subarray(part.length)
      parts.push(part)
      length += part.length
    }
    this.taken += length
    const [only] = parts
    return parts.length === 1 && only !== undefined ? only : Uint8Array.from(Buffer.concat(parts, length))
  }

  /** Yields what has not been taken. */
  async *rest(): AsyncGenerator<Uint8Array> {
    for (let piece = this.#rest; ; ) {
      this.#rest = new Uint8Array(0)
      if (piece.length > 0) yield piece
      const next = await this.#pieces.next()
      if (next.done === true) return
      piece = next.value
    }
  }

  /** Lets the stream go when not all of it is wanted. */
  async close(): Promise<void> {
    await this.#pieces.return?.()
  }
}
