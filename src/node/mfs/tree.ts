import type { CID } from 'multiformats/cid'
import { Failure } from '../../contract/failure.ts'
import type { Blocks, Waiting } from '../../repo/roles.ts'
import { decodeDagPb, type PbLink } from '../dag-pb.ts'
import { DirectoryEdit, type SavedDirectory } from '../directory-edit.ts'
import type { DirectoryRules } from '../directory-size.ts'
import { decodeUnixfs, type UnixFs } from '../unixfs.ts'
import { type CidFormat, DAG_PB, RAW } from './format.ts'
import { nameOf, parentOf, segmentsOf } from './path.ts'

/** A folder of MFS that is open. */
export interface Folder {
  readonly kind: 'directory'
  readonly edit: DirectoryEdit
  /** The folders below it that are open, by name. */
  readonly children: Map<string, Folder>
  /** True when it was written, but the folder above does not know yet. */
  detached: boolean
}

/** A file of MFS: whatever is not a folder. */
export interface FileEntry {
  readonly kind: 'file'
  readonly cid: CID
  /** The cumulative size of its DAG. */
  readonly size: number
  readonly bytes: Uint8Array
  /** Undefined for a raw block. */
  readonly unixfs: UnixFs | undefined
  /** The links of its root; none for a raw block. */
  readonly links: readonly PbLink[]
}

/** Where the nodes of a tree come from, and new ones go. */
export type TreeBlocks = Pick<Blocks, 'get' | 'put'>

export type MfsEntry = Folder | FileEntry

export interface TreeSettings {
  readonly rules: DirectoryRules
  /** The format of the root and, unless something else is asked for, of new nodes. */
  readonly format: CidFormat
}

/**
 * A working copy of the MFS tree. Folders are read as they are visited and changed in memory; `save` writes those that
 * changed, and the way up from them. Nobody else sees any of it.
 */
export class MfsTree {
  readonly settings: TreeSettings
  readonly #blocks: TreeBlocks
  readonly #waiting: Waiting
  readonly #root: Folder

  private constructor(blocks: TreeBlocks, root: DirectoryEdit, settings: TreeSettings, waiting: Waiting) {
    this.#blocks = blocks
    this.#root = { kind: 'directory', edit: root, children: new Map(), detached: false }
    this.settings = settings
    this.#waiting = waiting
  }

  /** Opens the tree with that root; without one it is empty. */
  static async open(
    blocks: TreeBlocks,
    root: { readonly cid: CID; readonly bytes: Uint8Array } | undefined,
    settings: TreeSettings,
    waiting: Waiting = {},
  ): Promise<MfsTree> {
    const edit =
      root === undefined
        ? DirectoryEdit.empty(blocks, settings.rules, settings.format, {}, waiting)
        : DirectoryEdit.open(blocks, root.cid, root.bytes, settings.rules, waiting)
    edit.setFormat(settings.format)
    return new MfsTree(blocks, edit, settings, waiting)
  }

  /** Returns what lies at a path; undefined when nothing does. Throws when a file stands in the way. */
  async find(path: string): Promise<MfsEntry | undefined> {
    const segments = segmentsOf(path)
    let folder = this.#root
    for (const [at, name] of segments.entries()) {
      const entry = await this.child(folder, name)
      if (entry === undefined || at === segments.length - 1) return entry
      if (entry.kind === 'file') {
        throw new Failure('failed', `cannot access ${segments.slice(0, at + 2).join('/')}: Not a directory`)
      }
      folder = entry
    }
    return folder
  }

  /** Returns what lies at a path. Throws `not-found` when nothing does. */
  async get(path: string): Promise<MfsEntry> {
    const entry = await this.find(path)
    if (entry === undefined) throw missing(path)
    return entry
  }

  /** Returns the folder at a path. Throws `not-found` when nothing is there, `failed` when it is a file. */
  async folder(path: string): Promise<Folder> {
    const entry = await this.get(path)
    if (entry.kind !== 'directory') throw new Failure('failed', `${path} is not a directory`)
    return entry
  }

  /** Returns the entry of that name in a folder; undefined when there is none. */
  async child(folder: Folder, name: string): Promise<MfsEntry | undefined> {
    const open = folder.children.get(name)
    if (open !== undefined) return open
    const link = await folder.edit.find(name)
    if (link === undefined) return undefined
    const entry = await this.load(link.cid)
    if (entry.kind === 'directory') folder.children.set(name, entry)
    return entry
  }

  /** Reads the root of a DAG as something that can lie in MFS. */
  async load(cid: CID): Promise<MfsEntry> {
    const bytes = await this.#blocks.get(cid, this.#waiting)
    if (cid.code === RAW) return { kind: 'file', cid, size: bytes.length, bytes, unixfs: undefined, links: [] }
    if (cid.code !== DAG_PB) throw new Failure('failed', `${cid} is neither a dag-pb nor a raw node`)
    const { data, links } = decodeDagPb(bytes)
    const unixfs = decodeUnixfs(data ?? new Uint8Array(0))
    if (unixfs.type === 'directory' || unixfs.type === 'hamt-sharded-directory') {
      const edit = DirectoryEdit.open(this.#blocks, cid, bytes, this.settings.rules, this.#waiting)
      return { kind: 'directory', edit, children: new Map(), detached: false }
    }
    if (unixfs.type === 'metadata') throw new Failure('failed', `${cid} is a metadata node: not yet implemented`)
    const size = links.reduce((sum, link) => sum + link.size, bytes.length)
    return { kind: 'file', cid, size, bytes, unixfs, links }
  }

  /** Makes a folder. Throws `failed` when something is there already. */
  async makeFolder(path: string, format: CidFormat = this.settings.format): Promise<void> {
    const { folder, name } = await this.#place(path)
    if ((await this.child(folder, name)) !== undefined) throw alreadyThere()
    await this.#newFolder(folder, name, format)
  }

  /** Makes a folder and those above it that are missing. What is there already stays. */
  async makeFolders(path: string, format: CidFormat = this.settings.format): Promise<void> {
    const segments = segmentsOf(path)
    let folder = this.#root
    for (const [at, name] of segments.entries()) {
      const entry = await this.child(folder, name)
      if (entry?.kind === 'file') {
        if (at === segments.length - 1) throw alreadyThere()
        throw new Failure('failed', `${segments.slice(0, at + 1).join('/')} was not a directory`)
      }
      folder = entry ?? (await this.#newFolder(folder, name, format))
    }
  }

  /** Adds an entry that refers to a DAG, of which the root is read. Throws `failed` when the name is taken. */
  async link(path: string, cid: CID, describe: (message: string) => string = message => message): Promise<void> {
    const { folder, name } = await this.#place(path)
    await this.linkInto(folder, name, cid, describe)
  }

  /** Adds an entry to a folder that is open. Throws `failed` when the name is taken. */
  async linkInto(
    folder: Folder,
    name: string,
    cid: CID,
    describe: (message: string) => string = message => message,
  ): Promise<void> {
    if ((await folder.edit.find(name)) !== undefined) {
      throw new Failure('failed', describe('directory already has entry by that name'))
    }
    await folder.edit.set({ name, cid, size: await this.#cumulativeSize(cid) })
  }

  /** Adds or replaces an entry. */
  async put(path: string, entry: { readonly cid: CID; readonly size: number }): Promise<void> {
    const { folder, name } = await this.#place(path)
    folder.children.delete(name)
    await folder.edit.set({ name, cid: entry.cid, size: entry.size })
  }

  /** Removes an entry from a folder that is open. Returns false when there is none. */
  async unlink(folder: Folder, name: string): Promise<boolean> {
    folder.children.delete(name)
    return await folder.edit.remove(name)
  }

  /** Returns the folder that holds what a path names, and the name in it. */
  async #place(path: string): Promise<{ folder: Folder; name: string }> {
    const name = nameOf(path)
    if (name === '') throw new Failure('failed', 'cannot create file with empty name')
    return { folder: await this.folder(parentOf(path)), name }
  }

  /** True when `save` would bring another root. */
  get changed(): boolean {
    return isChanged(this.#root)
  }

  /** Writes what changed; returns the root. The blocks still have to be flushed. */
  async save(): Promise<SavedDirectory> {
    return await this.#save(this.#root)
  }

  /** Returns the CID of what lies at a path; what changed below it is written. Throws `not-found`. */
  async cidAt(path: string): Promise<CID> {
    const entry = await this.get(path)
    return entry.kind === 'file' ? entry.cid : (await this.saveFolder(entry)).cid
  }

  /** Writes what changed in a folder and below it; returns its root. The blocks still have to be flushed. */
  async saveFolder(folder: Folder): Promise<SavedDirectory> {
    const changed = isChanged(folder)
    const saved = await this.#save(folder)
    folder.detached = changed
    return saved
  }

  async #save(folder: Folder): Promise<SavedDirectory> {
    for (const [name, child] of folder.children) {
      if (!isChanged(child)) continue
      const { cid, size } = await this.#save(child)
      await folder.edit.set({ name, cid, size })
    }
    folder.detached = false
    return await folder.edit.save()
  }

  async #newFolder(parent: Folder, name: string, format: CidFormat): Promise<Folder> {
    const edit = DirectoryEdit.empty(this.#blocks, this.settings.rules, format, {}, this.#waiting)
    const folder: Folder = { kind: 'directory', edit, children: new Map(), detached: false }
    const { cid, size } = await edit.save()
    await parent.edit.set({ name, cid, size })
    parent.children.set(name, folder)
    return folder
  }

  async #cumulativeSize(cid: CID): Promise<number> {
    const bytes = await this.#blocks.get(cid, this.#waiting)
    if (cid.code !== DAG_PB) return bytes.length
    return decodeDagPb(bytes).links.reduce((sum, link) => sum + link.size, bytes.length)
  }
}

function isChanged(folder: Folder): boolean {
  if (folder.edit.changed || folder.detached) return true
  for (const child of folder.children.values()) if (isChanged(child)) return true
  return false
}

/** Returns the failure for a path at which nothing lies. */
export function missing(path: string): Failure {
  return new Failure('not-found', 'file does not exist', { data: { path } })
}

function alreadyThere(): Failure {
  return new Failure('failed', 'file already exists')
}
