import { Breath } from '../../repo/pause.ts'
import type { Blocks, Waiting } from '../../repo/roles.ts'
import {
  type FileBuilder,
  type FilePart,
  type FileStat,
  fileBuilder,
  isPlain,
  putLeaf,
  putLeafInPlace,
} from '../file-layout.ts'
import { LEAF_ROOM_BEFORE } from '../file-leaf.ts'
import { Splitter } from './chunk.ts'
import type { ImportSettings } from './settings.ts'
import { SLAB_BYTES_MIN, type Slabs } from './slabs.ts'
import { SMALL_BYTES_MAX, type SmallLeaves } from './small-leaves.ts'

type PutBlocks = Pick<Blocks, 'put'>

/** Where the leaves of one file go, when they go elsewhere than the nodes above them. */
export interface LeafPlace {
  putLeaf(data: Uint8Array, offset: number): Promise<FilePart>
}

export interface FileImportOptions extends Waiting {
  readonly stat: FileStat
  readonly leaves?: LeafPlace | undefined
  /** Memory for leaves, when they may lie in it. */
  readonly slabs?: Slabs | undefined
  /** Memory for leaves that differ in size. */
  readonly small?: SmallLeaves | undefined
}

/** Returns true for a file whose leaves are all alike and plain, so that they may lie in slabs. */
export function fitsSlabs(settings: ImportSettings, { stat, leaves }: FileImportOptions): boolean {
  return leaves === undefined && isPlain(stat) && (settings.chunking.bytes ?? 0) >= SLAB_BYTES_MIN
}

/** A file that becomes a DAG while its bytes come in. The blocks still have to be flushed. */
export class FileImport {
  readonly #blocks: PutBlocks
  readonly #settings: ImportSettings
  readonly #options: FileImportOptions
  readonly #breath = new Breath()
  /** The only piece so far: a file that ends with it needs neither slab nor splitter. */
  #piece: Uint8Array | undefined
  #splitter: Splitter | undefined
  /** The slab that is being filled. */
  #slab: Uint8Array | undefined
  #slabLength = 0
  /** The only chunk so far: a file that ends with it is one leaf, with the metadata of the file. */
  #first: Uint8Array | undefined
  #builder: FileBuilder | undefined
  /** The bytes in leaves. */
  #bytes = 0

  constructor(blocks: PutBlocks, settings: ImportSettings, options: FileImportOptions) {
    this.#blocks = blocks
    this.#settings = settings
    this.#options = options
  }

  /** Takes bytes. They must not be changed afterwards unless they are only `lent`. */
  async write(piece: Uint8Array, lent = false): Promise<void> {
    const held = this.#piece
    this.#piece = undefined
    if (held === undefined && this.#bytesSeen === 0 && !lent) this.#piece = piece
    else {
      if (held !== undefined) await this.#take(held, false)
      await this.#take(piece, lent)
    }
    this.#bytesSeen += piece.length
  }
  #bytesSeen = 0

  /** Returns the root. */
  async finish(): Promise<FilePart> {
    const held = this.#piece
    const isOneChunk = held !== undefined && held.length <= (this.#settings.chunking.bytes ?? 0)
    if (isOneChunk) await this.#add(held)
    else if (held !== undefined) await this.#take(held, false)
    if (this.#slab !== undefined) await this.#addSlab(this.#slab)
    if (this.#splitter !== undefined) {
      for (const chunk of this.#splitter.end()) await this.#add(this.#own(chunk, true))
    }
    return await this.#root()
  }

  async #root(): Promise<FilePart> {
    const { stat, leaves } = this.#options
    if (this.#settings.file.layout === 'trickle') this.#builder ??= await this.#begin()
    const root = await this.#builder?.finish(stat)
    if (root !== undefined) return root
    const data = this.#first ?? new Uint8Array(0)
    // As in Kubo, an empty file is a block of the repo's own, wherever other leaves go.
    if (leaves !== undefined && data.length > 0) return await leaves.putLeaf(data, 0)
    return await putLeaf(this.#blocks, data, this.#settings.file, stat)
  }

  async #take(piece: Uint8Array, lent: boolean): Promise<void> {
    const { slabs, signal } = this.#options
    if (slabs !== undefined) {
      await this.#fill(piece, slabs)
      return
    }
    this.#splitter ??= new Splitter(this.#settings.chunking)
    for (const chunk of this.#splitter.push(piece)) {
      await this.#add(this.#own(chunk, lent))
      if (this.#breath.due) await this.#breath.take(signal)
    }
  }

  /** Copies bytes to where their blocks are written from. */
  async #fill(piece: Uint8Array, slabs: Slabs): Promise<void> {
    for (let at = 0; at < piece.length; ) {
      this.#slab ??= slabs.take()
      const slab = this.#slab
      const part = piece.subarray(at, at + slabs.chunkBytes - this.#slabLength)
      slab.set(part, LEAF_ROOM_BEFORE + this.#slabLength)
      this.#slabLength += part.length
      at += part.length
      if (this.#slabLength === slabs.chunkBytes) await this.#addSlab(slab)
      if (this.#breath.due) await this.#breath.take(this.#options.signal)
    }
  }

  async #addSlab(slab: Uint8Array): Promise<void> {
    const length = this.#slabLength
    this.#slab = undefined
    this.#slabLength = 0
    this.#builder ??= await this.#begin()
    const release = (): void => this.#options.slabs?.giveBack(slab)
    await this.#builder.add(await putLeafInPlace(this.#blocks, slab, length, this.#settings.file, release))
  }

  /** Returns a chunk as bytes that stay, where the leaf does not copy them anyway. */
  #own(chunk: Uint8Array, lent: boolean): Uint8Array {
    const { small, leaves } = this.#options
    const isSmall = small !== undefined && leaves === undefined && chunk.length <= SMALL_BYTES_MAX
    const isCopied = (isSmall || !this.#settings.file.rawLeaves) && this.#builder !== undefined
    if (isCopied) return chunk
    return lent ? chunk.slice() : (this.#splitter?.detach(chunk) ?? chunk)
  }

  async #add(chunk: Uint8Array): Promise<void> {
    const isOnly = this.#builder === undefined && this.#first === undefined
    if (isOnly && this.#settings.file.layout === 'balanced') {
      this.#first = chunk
      return
    }
    this.#builder ??= await this.#begin()
    await this.#addLeaf(this.#builder, chunk)
  }

  async #begin(): Promise<FileBuilder> {
    const builder = fileBuilder(this.#blocks, this.#settings.file)
    const first = this.#first
    this.#first = undefined
    if (first !== undefined) await this.#addLeaf(builder, first)
    return builder
  }

  async #addLeaf(builder: FileBuilder, data: Uint8Array): Promise<void> {
    const { leaves } = this.#options
    const offset = this.#bytes
    this.#bytes += data.length
    if (leaves === undefined) await builder.add(await this.#putLeaf(data))
    else await builder.add(await leaves.putLeaf(data, offset))
  }

  async #putLeaf(data: Uint8Array): Promise<FilePart> {
    const { small } = this.#options
    const { file } = this.#settings
    if (small === undefined || data.length > SMALL_BYTES_MAX) return await putLeaf(this.#blocks, data, file)
    const { bytes, target, release } = small.take(data.length)
    target.set(data)
    return await putLeafInPlace(this.#blocks, bytes, data.length, file, release)
  }
}
