import type { CID } from 'multiformats/cid'
import { Failure } from '../../contract/failure.ts'
import { isUnordered, type SourceEntry } from '../../contract/source.ts'
import { nameToBytes } from '../../contract/surrogate-escape.ts'
import type { Blocks, Waiting } from '../../repo/roles.ts'
import { encodeDagPb, type PbLink } from '../dag-pb.ts'
import { type FilePart, type FileStat, isPlain, putLeafInPlace } from '../file-layout.ts'
import { hamtHash } from '../hamt.ts'
import { DAG_PB, putBlock } from '../mfs/format.ts'
import { encodeUnixfs } from '../unixfs.ts'
import { buildDirectory } from './build-directory.ts'
import { FileImport, type FileImportOptions, fitsSlabs, type LeafPlace } from './import-file.ts'
import type { FilesBefore } from './known-files.ts'
import { importInPlace, type MadeFile, readPieces } from './read-file.ts'
import type { ImportSettings } from './settings.ts'
import { Slabs } from './slabs.ts'
import { SMALL_BYTES_MAX, SmallLeaves } from './small-leaves.ts'

/** What was imported: a file, folder or symbolic link. */
export interface Imported {
  /** Its path; of standard input without a name, its CID. */
  readonly name: string
  readonly cid: CID
  /** The cumulative size of its DAG. */
  readonly size: number
  /** What it lies in, or is: what the caller named. */
  readonly top: TopEntry
}

/** What the caller named; with `wrap`, the folder around it all. */
export interface TopEntry {
  readonly type: SourceEntry['type']
  /** Empty for standard input without a name, and for the folder around it all. */
  readonly name: string
  readonly mode: number | undefined
  readonly sentMode?: number | undefined
  readonly mtime: SourceEntry['mtime']
}

/** How far the import of a file is. */
export interface ImportProgress {
  readonly name: string
  readonly bytes: number
  /** The size of the file, when it is known. */
  readonly total: number | undefined
  readonly top: TopEntry
}

export interface TreeOptions extends Waiting {
  readonly wrap: boolean
  /** Leaves folders out that have no entry, but for those that were named. */
  readonly skipsEmpty: boolean
  /** Leaves files out of what is reported, as `--silent` does in Kubo. */
  readonly silent: boolean
  readonly reportsProgress: boolean
  /** Files that need not be read again. */
  readonly known?: FilesBefore | undefined
  /** Returns where the leaves of a file go; undefined: with the other blocks. Throws when the file cannot lie there. */
  readonly leavesOf?: ((entry: SourceEntry) => LeafPlace) | undefined
}

/** A folder whose entries are coming in. */
interface OpenFolder {
  readonly path: string
  readonly links: PbLink[]
  readonly stat: FileStat
  /** The folders below that are stored, each with what is below it before it. */
  readonly folders: StoredFolder[]
  /** The folders below that are open still, of a source without order: entries may come for any of them. */
  readonly children: OpenFolder[]
  hasEntry: boolean
}

interface StoredFolder {
  readonly name: string
  readonly imported: Imported[]
}

/** Of a source without order: one of what the caller named, and whether it was come back to. */
interface GatheredTop {
  readonly entry: TopEntry
  readonly folder: OpenFolder
  cameBack: boolean
}

/**
 * Imports what a source yields: yields how far it is, and each thing once it is stored, in Kubo's order: the files of
 * what the caller named as they come, then its folders, inner ones first. Blocks still have to be flushed.
 */
export class TreeImport {
  /** What the caller named, each with the root of its DAG. */
  readonly roots: Imported[] = []
  readonly #blocks: Pick<Blocks, 'put'>
  readonly #settings: ImportSettings
  readonly #options: TreeOptions
  /** The folders that are open, the outermost first. */
  readonly #open: OpenFolder[] = []
  #top: TopEntry = { type: 'directory', name: '', mode: undefined, mtime: undefined }
  readonly #seen = new Set<string>()
  readonly #slabs: Slabs
  readonly #small = new SmallLeaves()

  constructor(blocks: Pick<Blocks, 'put'>, settings: ImportSettings, options: TreeOptions) {
    this.#blocks = blocks
    this.#settings = settings
    this.#options = options
    this.#slabs = new Slabs(settings.chunking.bytes ?? 0)
  }

  async *run(source: AsyncIterable<SourceEntry>): AsyncGenerator<Imported | ImportProgress> {
    if (this.#options.wrap) this.#open.push(openFolder('', this.#settings.stat))
    if (isUnordered(source)) yield* this.#gather(source)
    else {
      for await (const entry of source) {
        this.#options.signal?.throwIfAborted()
        yield* this.#closeUntil(entry.path)
        if (this.#open.length === 0) this.#beginTop(entry)
        const parent = this.#open.at(-1)
        if (parent !== undefined) parent.hasEntry = true
        if (entry.type === 'directory') this.#open.push(openFolder(entry.path, this.#statOf(entry)))
        else yield* this.#add(entry, parent)
      }
    }
    yield* this.#closeUntil(undefined)
  }

  /**
   * Imports what comes in any order. A folder that the caller named is stored when another one begins. One that is
   * come back to after that is stored once more, with all that it holds, at the end.
   */
  async *#gather(source: AsyncIterable<SourceEntry>): AsyncGenerator<Imported | ImportProgress> {
    const tops = new Map<string, GatheredTop>()
    const folders = new Map<string, OpenFolder>()
    let current: GatheredTop | undefined
    for await (const entry of source) {
      this.#options.signal?.throwIfAborted()
      const name = firstSegment(entry.path)
      if (!this.#options.wrap && (current === undefined || current.entry.name !== name)) {
        yield* this.#endTop(current)
        current = tops.get(name)
        if (current === undefined) this.#beginTop(entry)
        else this.#return(current)
      }
      const parent = folders.get(parentOf(entry.path)) ?? (this.#options.wrap ? this.#open[0] : undefined)
      if (parent !== undefined) parent.hasEntry = true
      if (entry.type !== 'directory') {
        yield* this.#add(entry, parent)
        continue
      }
      const folder = openFolder(entry.path, this.#statOf(entry))
      folders.set(entry.path, folder)
      parent?.children.push(folder)
      if (parent === undefined) {
        current = { entry: this.#top, folder, cameBack: false }
        tops.set(name, current)
      }
    }
    yield* this.#endTop(current)
    for (const top of tops.values()) if (top.cameBack) yield* this.#storeTop(top)
  }

  #return(top: GatheredTop): void {
    top.cameBack = true
    this.#top = top.entry
  }

  async *#endTop(top: GatheredTop | undefined): AsyncGenerator<Imported> {
    if (top !== undefined && !top.cameBack) yield* this.#storeTop(top)
  }

  async *#storeTop({ entry, folder }: GatheredTop): AsyncGenerator<Imported> {
    this.#top = entry
    const imported = await this.#store(folder, true)
    const own = imported.at(-1)
    if (own === undefined) return
    const before = this.roots.findIndex(root => root.top === entry)
    if (before < 0) this.roots.push(own)
    else this.roots[before] = own
    yield* imported
  }

  #beginTop({ path, type, mode, sentMode, mtime }: SourceEntry): void {
    if (path.includes('/')) throw new Failure('usage', `${path}: the folder that it lies in was not sent before it`)
    if (path !== '' && this.#seen.has(path)) throw new Failure('usage', `the name ${path} was sent twice`)
    this.#seen.add(path)
    this.#top = { type, name: path, mode, sentMode, mtime }
  }

  #statOf(entry: SourceEntry): FileStat {
    const { preserveMode, preserveMtime, stat } = this.#settings
    const mode = preserveMode && (entry.mode ?? 0) !== 0 ? entry.mode : stat.mode
    return { mode, mtime: preserveMtime ? entry.mtime : stat.mtime }
  }

  async *#add(entry: SourceEntry, parent: OpenFolder | undefined): AsyncGenerator<Imported | ImportProgress> {
    const { cid, size } = entry.type === 'symlink' ? await this.#symlink(entry) : yield* this.#file(entry)
    const name = entry.path === '' ? cid.toString() : entry.path
    const imported = { name, cid, size, top: this.#top }
    if (parent === undefined) this.roots.push(imported)
    else parent.links.push({ name: lastSegment(name), cid, size })
    if (!this.#options.silent) yield imported
  }

  async *#file(entry: SourceEntry): AsyncGenerator<ImportProgress, { cid: CID; size: number }> {
    const { signal, leavesOf, reportsProgress, known } = this.#options
    const finding = known?.find(entry)
    const before = finding === undefined ? undefined : await finding
    if (before !== undefined) return before
    const options = { stat: this.#statOf(entry), signal, leaves: leavesOf?.(entry), small: this.#small }
    const small = this.#smallFile(entry, options)
    if (small !== undefined) {
      const part = await small
      const noting = known?.note(entry, part)
      if (noting !== undefined) await noting
      if (reportsProgress) yield { name: entry.path, bytes: part.fileSize, total: entry.size, top: this.#top }
      return part
    }
    const slabs = fitsSlabs(this.#settings, options) ? this.#slabs : undefined
    const made: MadeFile = { part: undefined, bytes: 0 }
    const report = (bytes: number): ImportProgress => ({ name: entry.path, bytes, total: entry.size, top: this.#top })
    let reported = 0
    for await (const bytes of this.#content(entry, { ...options, slabs }, made)) {
      for (; reportsProgress && bytes - reported >= PROGRESS_BYTES; reported += PROGRESS_BYTES) {
        yield report(reported + PROGRESS_BYTES)
      }
    }
    if (made.part === undefined) throw new Error('a file was read, but not made')
    const noting = known?.note(entry, made.part)
    if (noting !== undefined) await noting
    if (reportsProgress) yield report(made.bytes)
    return made.part
  }

  /** Makes a file that is read at once into a leaf of its own; undefined for one that has to be made otherwise. */
  #smallFile(entry: SourceEntry, options: FileImportOptions): Promise<FilePart> | undefined {
    const { size = 0 } = entry
    const { chunking, file } = this.#settings
    if (size === 0 || size > Math.min(SMALL_BYTES_MAX, chunking.bytes ?? 0) || file.layout !== 'balanced')
      return undefined
    if (entry.readAtOnce === undefined || options.leaves !== undefined || !isPlain(options.stat)) return undefined
    const { bytes, target, release } = this.#small.take(size)
    const length = entry.readAtOnce(target)
    if (length !== undefined && length > 0) return putLeafInPlace(this.#blocks, bytes, length, file, release)
    // It has grown, or was emptied, since it was looked at.
    release()
    return undefined
  }

  /** Yields how many bytes of a file are done, and leaves its root in `made`. */
  async *#content(entry: SourceEntry, options: FileImportOptions, made: MadeFile): AsyncGenerator<number> {
    const isLarge = (entry.size ?? 0) >= IN_PLACE_BYTES_MIN
    await using reader = isLarge ? entry.open?.() : undefined
    if (reader !== undefined && options.slabs !== undefined) {
      yield* importInPlace(this.#blocks, reader, { ...options, format: this.#settings.file, made })
      // A file that has become empty is made like any other that is.
      if (made.part !== undefined) return
    }
    const file = new FileImport(this.#blocks, this.#settings, options)
    for await (const piece of reader === undefined ? (entry.content?.() ?? []) : readPieces(reader)) {
      await file.write(piece, reader !== undefined)
      made.bytes += piece.length
      yield made.bytes
    }
    made.part = await file.finish()
  }

  async #symlink(entry: SourceEntry): Promise<{ cid: CID; size: number }> {
    const { mtime } = this.#statOf(entry)
    const data = encodeUnixfs({ type: 'symlink', data: nameToBytes(entry.target ?? ''), mtime })
    const bytes = encodeDagPb({ data, links: [] })
    const cid = await putBlock(this.#blocks, DAG_PB, bytes, this.#settings.directory.cid, true)
    return { cid, size: bytes.length }
  }

  /** Closes the folders that `path` does not lie in; all of them when it is undefined. */
  async *#closeUntil(path: string | undefined): AsyncGenerator<Imported> {
    for (;;) {
      const folder = this.#open.at(-1)
      if (folder === undefined) return
      if (path !== undefined && (folder.path === '' || path.startsWith(`${folder.path}/`))) break
      yield* await this.#close(folder)
    }
    const folder = this.#open.at(-1)
    if (folder !== undefined && path !== undefined) checkParent(path, folder.path)
  }

  /** Stores the innermost folder, and returns what can be reported now: with the outermost one, all of them. */
  async #close(folder: OpenFolder): Promise<Imported[]> {
    this.#open.pop()
    const parent = this.#open.at(-1)
    const imported = await this.#store(folder, parent === undefined)
    const own = imported.at(-1)
    if (own === undefined) return []
    if (parent === undefined) {
      this.roots.push(own)
      return imported
    }
    addStored(imported, own, parent)
    return []
  }

  /** Stores a folder, and returns it behind what is below it; nothing when it is left out. */
  async #store(folder: OpenFolder, isNamed: boolean): Promise<Imported[]> {
    if (!isNamed && !folder.hasEntry && this.#options.skipsEmpty) return []
    const { path, stat } = folder
    // Copies: a folder of a source without order may be stored twice.
    const links = [...folder.links]
    const folders = [...folder.folders]
    for (const child of folder.children) {
      const imported = await this.#store(child, false)
      const own = imported.at(-1)
      if (own !== undefined) addStored(imported, own, { links, folders })
    }
    const built = await buildDirectory(this.#blocks, links, this.#settings.directory, stat)
    // As Kubo lists it: a plain folder by name, a sharded one by its slots.
    if (built.isSharded) sortBy(folders, name => hamtHash(nameToBytes(name)))
    else sortBy(folders, nameToBytes)
    const own = { name: path, cid: built.cid, size: built.size, top: this.#top }
    return [...folders.flatMap(one => one.imported), own]
  }
}

function addStored(imported: Imported[], own: Imported, parent: Pick<OpenFolder, 'links' | 'folders'>): void {
  const name = lastSegment(own.name)
  parent.links.push({ name, cid: own.cid, size: own.size })
  parent.folders.push({ name, imported })
}

const PROGRESS_BYTES = 262_144
/** Files from this size on are read by the importer itself. */
const IN_PLACE_BYTES_MIN = 1024 * 1024

function openFolder(path: string, stat: FileStat): OpenFolder {
  return { path, stat, links: [], folders: [], children: [], hasEntry: false }
}

function firstSegment(path: string): string {
  const at = path.indexOf('/')
  return at < 0 ? path : path.slice(0, at)
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

function lastSegment(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Throws for an entry whose folder was not sent, or was sent before others. */
function checkParent(path: string, folder: string): void {
  if (parentOf(path) === folder) return
  throw new Failure('usage', `${path}: what lies in a folder has to follow it`)
}

function sortBy(folders: { readonly name: string }[], keyOf: (name: string) => Uint8Array): void {
  const keys = new Map(folders.map(({ name }) => [name, keyOf(name)]))
  const key = (name: string): Uint8Array => keys.get(name) ?? new Uint8Array(0)
  folders.sort((a, b) => Buffer.compare(key(a.name), key(b.name)))
}
