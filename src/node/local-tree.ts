import type { BigIntStats } from 'node:fs'
import { lstat, open, readdir, readlink, realpath } from 'node:fs/promises'
import { Failure, systemFailure } from '../contract/failure.ts'
import { fileMetadata } from '../contract/file-metadata.ts'
import type { SourceEntry } from '../contract/source.ts'
import { nameFromBytes, nameToBytes } from '../contract/surrogate-escape.ts'
import type { Waiting } from '../repo/roles.ts'

const PIECE_BYTES = 1024 * 1024
/** Folders that lie deeper are refused. */
const DEPTH_MAX = 1024

/**
 * Yields a file or folder of this machine with all below it, hidden files too, the names of a folder by their bytes.
 * `path` itself is followed when it is a symbolic link; those below it are entries. The root is called `name`.
 */
export async function* readLocalTree(path: string, name: string, options: Waiting = {}): AsyncIterable<SourceEntry> {
  let root: string
  try {
    root = await realpath(path)
  } catch (error) {
    throw systemFailure(error, path)
  }
  const stack: { readonly file: Buffer; readonly name: string; readonly depth: number }[] = [
    { file: bytesOf(root), name, depth: 0 },
  ]
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    options.signal?.throwIfAborted()
    const { file, depth } = top
    try {
      const stat = await lstat(file, { bigint: true })
      yield await entryOf(file, top.name, stat)
      if (!stat.isDirectory()) continue
      if (depth >= DEPTH_MAX) throw new Failure('failed', `${top.name}: folders are nested deeper than ${DEPTH_MAX}`)
      const names = await readdir(file, { encoding: 'buffer' })
      for (const child of names.sort(Buffer.compare).reverse()) {
        const below = Buffer.concat([file, Buffer.from('/'), child])
        stack.push({ file: below, name: `${top.name}/${nameFromBytes(child)}`, depth: depth + 1 })
      }
    } catch (error) {
      throw systemFailure(error, nameFromBytes(file))
    }
  }
}

async function entryOf(file: Buffer, path: string, stat: BigIntStats): Promise<SourceEntry> {
  const described = { path, ...fileMetadata(stat) }
  if (stat.isDirectory()) return { ...described, type: 'directory' }
  if (stat.isSymbolicLink()) {
    return { ...described, type: 'symlink', target: nameFromBytes(await readlink(file, { encoding: 'buffer' })) }
  }
  if (!stat.isFile())
    throw new Failure('failed', `${nameFromBytes(file)}: neither a file, a folder nor a symbolic link`)
  return { ...described, type: 'file', size: Number(stat.size), content: () => readLocal(file) }
}

async function* readLocal(file: Buffer): AsyncIterable<Uint8Array> {
  try {
    // Not a stream: those do not take names of bytes on every runtime.
    const handle = await open(file, 'r')
    try {
      for (;;) {
        const piece = Buffer.allocUnsafeSlow(PIECE_BYTES)
        const { bytesRead } = await handle.read(piece, 0, piece.length)
        if (bytesRead === 0) return
        yield piece.subarray(0, bytesRead)
      }
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw systemFailure(error, nameFromBytes(file))
  }
}

function bytesOf(path: string): Buffer {
  return Buffer.from(nameToBytes(path))
}
