import type { CID } from 'multiformats/cid'
import { Failure } from '../../contract/failure.ts'
import type { Blocks } from '../../repo/roles.ts'
import { withStat } from '../file-edit.ts'
import type { FileFormat, FileStat } from '../file-layout.ts'
import { type CidFormat, formatOf } from './format.ts'
import { nameOf, parentOf, segmentsOf, withoutTrailingSlash } from './path.ts'
import { type FileEntry, type Folder, type MfsTree, missing } from './tree.ts'

/** Makes a folder; with `parents` those above it too, and none of them may be new. */
export async function makeDirectory(
  tree: MfsTree,
  path: string,
  { parents, format }: { readonly parents: boolean; readonly format: CidFormat | undefined },
): Promise<void> {
  const clean = withoutTrailingSlash(path)
  if (clean === '/') {
    if (parents) return
    throw new Failure('failed', "cannot create directory '/': Already exists")
  }
  if (parents) await tree.makeFolders(clean, format)
  else await tree.makeFolder(clean, format)
}

export interface CopyOptions {
  readonly parents: boolean
  /** Replace a file that is there. */
  readonly force: boolean
}

/** Links a DAG into MFS. A target that ends with a slash is a folder, in which it is called `name`. */
export async function copyInto(
  tree: MfsTree,
  source: { readonly cid: CID; readonly name: string },
  target: string,
  { parents, force }: CopyOptions,
): Promise<void> {
  const path = copyTarget(target, source.name)
  const parent = parentOf(path)
  if (parents && parent !== '/') await tree.makeFolders(parent)
  if (force) await unlinkFile(tree, path)
  await describing(`cp: cannot put node in path ${path}: `, async () => await tree.link(path, source.cid))
}

/** Returns where a copy goes: into the target when that ends with a slash. */
export function copyTarget(target: string, name: string): string {
  return target.endsWith('/') ? `${target}${name}` : target
}

async function unlinkFile(tree: MfsTree, path: string): Promise<void> {
  const parent = await tree.find(parentOf(path))
  if (parent === undefined) return
  if (parent.kind !== 'directory') {
    throw new Failure('failed', `cp: cannot unlink existing file: not a directory: ${parentOf(path)}`)
  }
  const there = await tree.child(parent, nameOf(path))
  if (there === undefined) return
  if (there.kind !== 'file') throw new Failure('failed', `cp: cannot unlink existing file: not a file: ${path}`)
  await tree.unlink(parent, nameOf(path))
}

/** Moves a file or folder: into the target when that is a folder, over it when it is a file. */
export async function move(tree: MfsTree, source: string, target: string): Promise<void> {
  const sourceName = nameOf(source)
  let name = target.endsWith('/') ? sourceName : nameOf(target)
  let folder = await tree.folder(target.endsWith('/') ? target : parentOf(target))
  const from = await tree.folder(parentOf(source))
  const moved = sourceName === '' ? from : await tree.child(from, sourceName)
  if (moved === undefined || sourceName === '') throw missing(source)

  const there = await tree.child(folder, name)
  if (there?.kind === 'directory') {
    folder = there
    name = sourceName
  }
  if (folder === from && name === sourceName) {
    if (there?.kind === 'directory') throw new Failure('failed', 'directory already has entry by that name')
    return
  }
  if (moved.kind === 'directory' && isWithin(moved, folder)) {
    throw new Failure('failed', `cannot move ${source} into itself`)
  }
  if (there?.kind === 'file') await tree.unlink(folder, name)
  const cid = moved.kind === 'file' ? moved.cid : (await tree.saveFolder(moved)).cid
  await tree.linkInto(folder, name, cid)
  await tree.unlink(from, sourceName)
}

function isWithin(outer: Folder, inner: Folder): boolean {
  if (outer === inner) return true
  for (const child of outer.children.values()) if (isWithin(child, inner)) return true
  return false
}

export interface RemoveOptions {
  readonly recursive: boolean
  /** Remove whatever is there, even what cannot be read; nothing there is fine. */
  readonly force: boolean
}

/** Removes a file, or with `recursive` or `force` a folder. */
export async function remove(tree: MfsTree, path: string, { recursive, force }: RemoveOptions): Promise<void> {
  if (path === '/') throw new Failure('failed', 'cannot delete root')
  const clean = withoutTrailingSlash(path)
  const parent = await tree.find(parentOf(clean))
  if (parent === undefined) {
    if (force) return
    throw missing(clean)
  }
  if (parent.kind !== 'directory') throw new Failure('failed', `${parentOf(clean)} is not a directory`)
  if (!force) {
    const there = await tree.child(parent, nameOf(clean))
    if (there === undefined) throw missing(clean)
    if (there.kind === 'directory' && !recursive) {
      throw new Failure('failed', 'path is a directory, use -r to remove directories')
    }
  }
  await tree.unlink(parent, nameOf(clean))
}

/** Sets permission bits; 0 takes them away. */
export async function changeMode(tree: MfsTree, blocks: Blocks, path: string, permissions: number): Promise<void> {
  await changeStat(tree, blocks, path, stat => {
    // The upper 20 bits are others' business.
    const mode = (((stat.mode ?? 0) & ~0xfff) | (permissions & 0xfff)) >>> 0
    return { ...stat, mode: mode === 0 ? undefined : mode }
  })
}

/** Sets the modification time. */
export async function changeTime(
  tree: MfsTree,
  blocks: Blocks,
  path: string,
  mtime: { readonly seconds: number; readonly nanoseconds: number },
): Promise<void> {
  await changeStat(tree, blocks, path, stat => ({ ...stat, mtime }))
}

async function changeStat(
  tree: MfsTree,
  blocks: Blocks,
  path: string,
  change: (stat: FileStat) => FileStat,
): Promise<void> {
  const entry = await tree.get(path)
  if (entry.kind === 'directory') {
    entry.edit.setStat(change(entry.edit.stat))
    return
  }
  const clean = withoutTrailingSlash(path)
  await tree.put(
    clean,
    await fileWithStat(blocks, entry, change({ mode: entry.unixfs?.mode, mtime: entry.unixfs?.mtime })),
  )
}

async function fileWithStat(blocks: Blocks, entry: FileEntry, stat: FileStat): Promise<{ cid: CID; size: number }> {
  // A raw block becomes a dag-pb leaf with a CIDv0, as Kubo makes it.
  const { version, hashCode } =
    entry.unixfs === undefined ? { version: 0 as const, hashCode: 0x12 } : formatOf(entry.cid)
  const format: FileFormat = { version, hashCode, rawLeaves: false, chunker: '', layout: 'balanced', maxLinks: 174 }
  return await withStat(blocks, { cid: entry.cid, size: entry.size, fileSize: 0 }, format, stat)
}

/** Changes how the CID of a folder is made. */
export async function changeFormat(tree: MfsTree, path: string, format: CidFormat | undefined): Promise<void> {
  if (segmentsOf(path).length === 0) {
    throw new Failure('failed', 'cannot change CID format of the MFS root', {
      hint: 'use `tsipfs config Import.CidVersion` and `tsipfs config Import.HashFunction` instead',
    })
  }
  const entry = await tree.get(path)
  if (format === undefined) return
  if (entry.kind !== 'directory') throw new Failure('failed', 'can only update directories')
  entry.edit.setFormat(format)
}

/** Runs `work`; a failure of it is told with `prefix` before it. */
export async function describing<T>(prefix: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    throw new Failure(error.kind, `${prefix}${error.message}`, { hint: error.hint, data: error.data, cause: error })
  }
}
