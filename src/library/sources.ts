import { basename, resolve } from 'node:path'
import { Failure } from '../contract/failure.ts'
import type { SourceEntry } from '../contract/source.ts'
import type { AddOptions as ImporterOptions } from '../node/importer/add.ts'
import type { AddOptions, Content } from './api.ts'

/** Returns the entry of one file. */
export function fileEntry(path: string, content: Content): SourceEntry {
  return { path, type: 'file', content: () => piecesOf(content) }
}

/**
 * Yields files and the folders that their paths name, each folder before what lies in it. Throws `usage` for a path that
 * cannot be.
 */
export function* folderEntries(files: Readonly<Record<string, Content>>): Iterable<SourceEntry> {
  const folders = new Set<string>()
  for (const path of Object.keys(files).sort()) {
    const words = path.split('/')
    if (words.some(word => word === '' || word === '.' || word === '..' || word.includes('\0'))) {
      throw new Failure('usage', `${JSON.stringify(path)} cannot be the path of a file in a folder`)
    }
    for (let count = 1; count < words.length; count++) {
      const folder = words.slice(0, count).join('/')
      if (Object.hasOwn(files, folder)) throw new Failure('usage', `${JSON.stringify(folder)} is a file and a folder`)
      if (folders.has(folder)) continue
      folders.add(folder)
      yield { path: folder, type: 'directory' }
    }
    yield fileEntry(path, files[path] ?? '')
  }
}

/** Yields a file or folder of this machine, as `add -r` finds it: without what is hidden. */
export async function* pathEntries(path: string, signal: AbortSignal): AsyncIterable<SourceEntry> {
  const { walkTree } = await import('../cli/walk-tree.ts')
  const absolute = resolve(path)
  const rules = { followsLinks: false, excludes: (name: string) => name.startsWith('.') }
  yield* walkTree({ name: basename(absolute), path: absolute, shown: path }, rules, signal)
}

/** Returns the importer's options: those of `add`, as they are without any, with what was given. */
export async function addOptions(options: AddOptions): Promise<ImporterOptions> {
  const { ADD_PLAIN } = await import('../node/importer/plain-options.ts')
  const { pin = true, pinName, cidVersion, rawLeaves, chunker, hash } = options
  return { ...ADD_PLAIN, pin, pinName, cidVersion, rawLeaves, chunker, hash }
}

async function* piecesOf(content: Content): AsyncIterable<Uint8Array> {
  if (typeof content === 'string' || content instanceof Uint8Array) {
    yield bytesOf(content)
    return
  }
  for await (const piece of content) yield bytesOf(piece)
}

function bytesOf(piece: string | Uint8Array): Uint8Array {
  return typeof piece === 'string' ? new TextEncoder().encode(piece) : piece
}
