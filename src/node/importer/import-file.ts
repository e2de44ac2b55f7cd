import { Breath } from '../../repo/pause.ts'
import type { Blocks, Waiting } from '../../repo/roles.ts'
import { type FileBuilder, type FilePart, type FileStat, fileBuilder, putLeaf } from '../file-layout.ts'
import { Splitter } from './chunk.ts'
import type { ImportSettings } from './settings.ts'

type PutBlocks = Pick<Blocks, 'put'>

/** Where the leaves of one file go, when they go elsewhere than the nodes above them. */
export interface LeafPlace {
  putLeaf(data: Uint8Array, offset: number): Promise<FilePart>
}

export interface FileImportOptions extends Waiting {
  readonly stat: FileStat
  readonly leaves?: LeafPlace | undefined
}

/** A file that becomes a DAG while its bytes come in. The blocks still have to be flushed. */
export class FileImport {
  readonly #blocks: PutBlocks
  readonly #settings: ImportSettings
  readonly #options: FileImportOptions
  readonly #splitter: Splitter
  readonly #breath = new Breath()
  /** The only chunk so far: a file that ends with it is one leaf, with the metadata of the file. */
  #first: Uint8Array | undefined
  #builder: FileBuilder | undefined
  /** The bytes in leaves. */
  #bytes = 0

  constructor(blocks: PutBlocks, settings: ImportSettings, options: FileImportOptions) {
    this.#blocks = blocks
    this.#settings = settings
    this.#options = options
    this.#splitter = new Splitter(settings.chunking)
  }

  /** Takes bytes, which must not be changed afterwards. */
  async write(piece: Uint8Array): Promise<void> {
    for (const chunk of this.#splitter.push(piece)) {
      await this.#add(chunk)
      if (this.#breath.due) await this.#breath.take(this.#options.signal)
    }
  }

  /** Returns the root. */
  async finish(): Promise<FilePart> {
    for (const chunk of this.#splitter.end()) await this.#add(chunk)
    const { stat, leaves } = this.#options
    if (this.#settings.file.layout === 'trickle') this.#builder ??= await this.#begin()
    const root = await this.#builder?.finish(stat)
    if (root !== undefined) return root
    const data = this.#first ?? new Uint8Array(0)
    // As in Kubo, an empty file is a block of the repo's own, wherever other leaves go.
    if (leaves !== undefined && data.length > 0) return await leaves.putLeaf(data, 0)
    return await putLeaf(this.#blocks, data, this.#settings.file, stat)
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
    if (leaves === undefined) await builder.add(await putLeaf(this.#blocks, data, this.#settings.file))
    else await builder.add(await leaves.putLeaf(data, offset))
  }
}
