import { Failure } from '../../contract/failure.ts'
import type { Blocks, Waiting } from '../../repo/roles.ts'
import { type ChangedFile, changeFile } from '../file-edit.ts'
import type { FileFormat, FileStat } from '../file-layout.ts'
import { fileNodeOf } from '../file-node.ts'
import { readFile } from '../file-reader.ts'
import { type CidFormat, formatOf } from './format.ts'
import { parentOf } from './path.ts'
import type { FileSettings } from './settings.ts'
import { now } from './time.ts'
import { type FileEntry, type MfsTree, missing } from './tree.ts'

export interface WriteOptions {
  readonly offset: number
  readonly create: boolean
  readonly parents: boolean
  readonly truncate: boolean
  /** Only so many bytes of the data are written. */
  readonly count: number | undefined
  readonly rawLeaves: boolean | undefined
  /** The format of a file, and of folders, made by this; undefined: as the config says. */
  readonly format: CidFormat | undefined
}

/**
 * A write into a file of MFS. The data comes once; when the tree has to be changed again because another process was
 * faster, it is read back from the blocks that were made of it.
 */
export class MfsWrite {
  readonly #blocks: Blocks
  readonly #path: string
  readonly #data: AsyncIterable<Uint8Array>
  readonly #options: WriteOptions
  readonly #settings: FileSettings
  readonly #waiting: Waiting
  /** What came out of the data, and the file that it was written into. */
  #done: { readonly base: string; readonly result: ChangedFile } | undefined

  constructor(
    blocks: Blocks,
    path: string,
    data: AsyncIterable<Uint8Array>,
    options: WriteOptions,
    settings: FileSettings,
    waiting: Waiting,
  ) {
    this.#blocks = blocks
    this.#path = path
    this.#data = options.count === undefined ? data : firstBytes(data, options.count)
    this.#options = options
    this.#settings = settings
    this.#waiting = waiting
  }

  /** Writes into the file as it is in that tree. */
  async apply(tree: MfsTree): Promise<void> {
    const { create, parents, format } = this.#options
    if (parents && parentOf(this.#path) !== '/') await tree.makeFolders(parentOf(this.#path), format)
    const entry = await tree.find(this.#path)
    if (entry?.kind === 'directory') throw new Failure('failed', `${this.#path} was not a file`)
    if (entry === undefined && !create) throw missing(this.#path)
    if (entry === undefined) await tree.folder(parentOf(this.#path))
    await tree.put(this.#path, await this.#write(entry, tree.settings.format))
  }

  async #write(entry: FileEntry | undefined, fallback: CidFormat): Promise<ChangedFile> {
    const base = entry === undefined ? '' : String(entry.cid)
    if (this.#done?.base === base) return this.#done.result
    const type = entry?.unixfs?.type ?? 'file'
    if (type === 'symlink') throw new Failure('failed', 'symlinks not yet supported')
    if (type !== 'file' && type !== 'raw') throw new Failure('failed', "unsupported fsnode type for 'file'")
    const format = this.#format(entry, fallback)
    const { offset, truncate } = this.#options
    const change = {
      offset,
      truncate,
      // Kubo's own CIDs differ from those of add where leaves are dag-pb nodes.
      likeAdd: format.rawLeaves || this.#settings.layoutNamed,
      data: this.#done === undefined ? this.#data : this.#again(this.#done.result),
    }
    const result = await changeFile(this.#blocks, entry?.cid, change, format, statAfter(entry), this.#waiting)
    this.#done = { base, result }
    return result
  }

  /** Yields the data once more, from the file that it went into. */
  async *#again({ cid, written }: ChangedFile): AsyncGenerator<Uint8Array> {
    const root = fileNodeOf(cid, await this.#blocks.get(cid, this.#waiting))
    yield* readFile(this.#blocks, root, { offset: this.#options.offset, length: written, ...this.#waiting })
  }

  #format(entry: FileEntry | undefined, fallback: CidFormat): FileFormat {
    const asked = this.#options.format ?? fallback
    // As in Kubo, data that does not fit into CIDs is refused when it is to lie in them.
    const own = entry === undefined ? { ...asked, refusesLong: true } : formatOf(entry.cid)
    const rawLeaves = this.#options.rawLeaves ?? this.#settings.rawLeaves ?? own.version === 1
    return { ...this.#settings, ...own, rawLeaves }
  }
}

/** Returns the metadata of a file whose content changes now: its time follows, when it has one. */
function statAfter(entry: FileEntry | undefined): FileStat {
  const mode = entry?.unixfs?.mode
  return { mode, mtime: entry?.unixfs?.mtime === undefined ? undefined : now() }
}

async function* firstBytes(data: AsyncIterable<Uint8Array>, count: number): AsyncGenerator<Uint8Array> {
  let left = count
  if (left === 0) return
  for await (const piece of data) {
    yield piece.subarray(0, left)
    left -= Math.min(left, piece.length)
    if (left === 0) return
  }
}
