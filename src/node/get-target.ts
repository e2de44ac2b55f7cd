import { constants, lstatSync, mkdirSync, type Stats, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { errorCode, Failure } from '../contract/failure.ts'
import {
  chmodSync,
  closeSync,
  type FilePlace,
  openSync,
  putFile,
  putSymlink,
  utimesSync,
  withSystem,
  writeThrough,
} from './get-files.ts'
import { pathOf, sweepParts } from './part-files.ts'
import { ENTRY_PATH_LENGTH_MAX, type TarHeader } from './tar.ts'
import type { TarEntry } from './untar.ts'

const FOLDER_MODE = 0o755
/** The system takes paths of 4,096 bytes; beyond this length they begin at a folder that is held open. */
const PATH_BYTES_MAX = 3000

export interface TargetOptions {
  /** Refuse what is there already, in place of replacing it. Folders are merged all the same. */
  readonly noClobber: boolean
  readonly signal?: AbortSignal | undefined
  /** Called with the number of bytes after each piece that was written. */
  readonly wrote?: ((bytes: number) => void) | undefined
}

/** A folder on the way to the entry that is being written. */
interface OpenFolder {
  readonly name: string
  /** How the system is to be asked for it. */
  readonly path: string
  /** How the user knows it. */
  readonly shown: string
  readonly descriptor: number | undefined
  /** What to restore once nothing more is written into it. */
  readonly restore: TarHeader | undefined
  readonly wasThere: boolean
}

/**
 * A place in the file system that the entries of an archive are written to. It has one root, a file, symbolic link or
 * folder, and nothing is written outside of it: names are checked, every folder on the way is looked at before it is
 * entered, symbolic links are never followed. Files appear by a rename when they are complete.
 */
export class GetTarget implements Disposable {
  readonly #path: string
  readonly #shown: string
  readonly #options: TargetOptions
  #rootName: string | undefined
  readonly #folders: OpenFolder[] = []

  /** `shown` is the path as the user wrote it, `path` the absolute one. */
  constructor(path: string, shown: string, options: TargetOptions) {
    this.#path = path
    this.#shown = shown
    this.#options = options
  }

  /** Writes the next entry. Entries of a folder come after it. Throws a Failure for one that must not be written. */
  async add(entry: TarEntry): Promise<void> {
    const { header } = entry
    if (header.name.includes('\0') || header.target?.includes('\0') === true) throw refused(header.name)
    if (this.#rootName === undefined) await this.#addRoot(entry)
    else await this.#addBelow(entry, this.#rootName)
  }

  /** Writes bytes that are no archive to the root. */
  async addBytes(content: AsyncIterable<Uint8Array>): Promise<void> {
    const now = { seconds: Math.floor(Date.now() / 1000), nanoseconds: 0 }
    // The mode of new files is the user's to choose, by umask.
    const mode = 0o666 & ~process.umask()
    const header = { name: '', type: 'file', size: 0, mode, mtime: now } as const
    const place = { path: this.#path, shown: this.#shown, folder: dirname(this.#path) }
    await this.#put({ header, content: () => content }, place, true)
  }

  /** Restores modes and times of the folders, and returns. Throws when there was nothing to write. */
  finish(): void {
    if (this.#rootName === undefined) throw new Failure('failed', 'the archive is empty')
    while (this.#folders.length > 0) this.#leave()
  }

  async #addRoot(entry: TarEntry): Promise<void> {
    const { name, type } = entry.header
    if (name === '' || name === '.' || name === '..' || name.includes('/')) throw refused(name)
    this.#rootName = name
    if (type === 'directory') {
      await this.#makeParents()
      this.#enter(undefined, '', entry.header)
      return
    }
    const there = lookAt(this.#path, this.#shown)
    // As cp does: into a folder, under the name it has in the archive.
    const inside = there?.isDirectory() === true
    const path = inside ? join(this.#path, name) : this.#path
    const shown = inside ? join(this.#shown, name) : this.#shown
    sweepParts(inside ? this.#path : dirname(this.#path), Date.now())
    await this.#put(entry, { path, shown, folder: inside ? this.#path : dirname(this.#path) }, !inside)
  }

  async #makeParents(): Promise<void> {
    await withSystem(this.#shown, () => mkdirSync(pathOf(dirname(this.#path)), { recursive: true, mode: FOLDER_MODE }))
  }

  async #addBelow(entry: TarEntry, rootName: string): Promise<void> {
    const { header } = entry
    if (header.name.length > ENTRY_PATH_LENGTH_MAX) throw refused(`${header.name.slice(0, 64)}…`)
    const [first, ...names] = header.name.split('/')
    const isClean = names.every(name => name !== '' && name !== '.' && name !== '..')
    if (first !== rootName || names.length === 0 || !isClean) throw refused(header.name)
    if (this.#folders.length === 0) throw new Failure('failed', 'the archive holds more than one root')
    const last = names.pop() ?? ''
    const parent = this.#goTo(names)
    if (header.type === 'directory') {
      this.#enter(parent, last, header)
      return
    }
    await this.#put(entry, { path: `${parent.path}/${last}`, shown: `${parent.shown}/${last}`, folder: parent.path })
  }

  async #put(entry: TarEntry, place: FilePlace, isRoot = false): Promise<void> {
    const { header } = entry
    const there = lookAt(place.path, place.shown)
    const device = there === undefined ? undefined : deviceAt(place.path, there, isRoot)
    if (device !== undefined && header.type === 'file') {
      await writeThrough(place, entry.content(), this.#options)
      return
    }
    if (there !== undefined && this.#options.noClobber) {
      throw new Failure('failed', `${place.shown}: file already exists`, {
        hint: 'leave out --no-clobber to replace it',
      })
    }
    if (header.type === 'symlink') await putSymlink(place, header, there, this.#options)
    else await putFile(place, header, entry.content(), there, this.#options)
  }

  /** Makes `names`, below the root, the folders that are open; those left behind are completed. */
  #goTo(names: readonly string[]): OpenFolder {
    let common = 0
    while (common < names.length && this.#folders[common + 1]?.name === names[common]) common += 1
    while (this.#folders.length > common + 1) this.#leave()
    let folder = this.#top()
    for (const name of names.slice(common)) folder = this.#enter(folder, name, undefined)
    return folder
  }

  #top(): OpenFolder {
    const top = this.#folders.at(-1)
    if (top === undefined) throw new Error('no folder is open')
    return top
  }

  /** Enters a folder, which `header` makes; without one it must be there. */
  #enter(parent: OpenFolder | undefined, name: string, header: TarHeader | undefined): OpenFolder {
    if (parent !== undefined && header !== undefined && parent !== this.#top())
      throw new Error('another folder is open')
    const path = parent === undefined ? this.#path : `${parent.path}/${name}`
    const shown = parent === undefined ? this.#shown : `${parent.shown}/${name}`
    const wasThere = header === undefined || !makeFolder(path, shown)
    const there = lookAt(path, shown)
    if (there === undefined) throw new Failure('not-found', `${shown}: no such file or directory`)
    if (!there.isDirectory()) {
      const what = there.isSymbolicLink() ? 'a symbolic link' : 'not a folder'
      throw new Failure('failed', `${shown}: ${what} lies where a folder should be`, {
        hint: 'remove it, or name another place with --output',
      })
    }
    const descriptor = Buffer.byteLength(path) > PATH_BYTES_MAX ? holdOpen(path, shown) : undefined
    const folder = {
      name,
      path: descriptor === undefined ? path : `/proc/self/fd/${descriptor}`,
      shown,
      descriptor,
      restore: header,
      wasThere,
    }
    this.#folders.push(folder)
    if (wasThere) sweepParts(folder.path, Date.now())
    return folder
  }

  #leave(): void {
    const folder = this.#folders.pop()
    if (folder === undefined) return
    const { path, shown, restore, wasThere, descriptor } = folder
    try {
      if (restore === undefined) return
      utimesSync(path, restore.mtime, shown)
      const mode = restore.mode & 0o777
      // An archive does not tell a default mode from one that was stored: a folder of the user's keeps its own.
      if (mode !== 0 && !(wasThere && mode === FOLDER_MODE)) chmodSync(path, mode, shown)
    } finally {
      if (descriptor !== undefined) closeSync(descriptor)
    }
  }

  [Symbol.dispose](): void {
    for (const { descriptor } of this.#folders.splice(0)) if (descriptor !== undefined) closeSync(descriptor)
  }
}

/** Makes a folder; returns false when something is there. */
function makeFolder(path: string, shown: string): boolean {
  try {
    mkdirSync(pathOf(path), FOLDER_MODE)
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    return withSystem(shown, () => {
      throw error
    })
  }
}

function holdOpen(path: string, shown: string): number | undefined {
  if (process.platform !== 'linux') return undefined
  return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW, shown)
}

function lookAt(path: string, shown: string): Stats | undefined {
  return withSystem(shown, () => lstatSync(pathOf(path), { throwIfNoEntry: false }))
}

/**
 * Returns what a file is written through to: a FIFO or device that lies at the path or, when the user named the path,
 * that a symbolic link there leads to (`/dev/stdout`).
 */
function deviceAt(path: string, there: Stats, isRoot: boolean): Stats | undefined {
  const isLink = there.isSymbolicLink()
  const found = isLink && isRoot ? statSync(pathOf(path), { throwIfNoEntry: false }) : there
  const isDevice = found?.isFIFO() === true || found?.isCharacterDevice() === true || found?.isBlockDevice() === true
  return isDevice ? found : undefined
}

/** Returns true when what is written to a path goes to a FIFO or device, and nothing lies there afterwards. */
export function isDevicePath(path: string): boolean {
  try {
    const there = lstatSync(pathOf(path), { throwIfNoEntry: false })
    return there !== undefined && deviceAt(path, there, true) !== undefined
  } catch {
    return false // Whatever is wrong with the path, writing to it will tell.
  }
}

function refused(name: string): Failure {
  return new Failure('failed', `the archive has an entry that must not be written: ${JSON.stringify(name)}`)
}
