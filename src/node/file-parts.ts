import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import { ReadMemory } from '../repo/read-memory.ts'
import type { Blocks, Waiting } from '../repo/roles.ts'
import { readFile } from './file-reader.ts'
import { type PathNode, resolvePath } from './path.ts'
import { openEntry, type UnixfsEntry } from './unixfs-entry.ts'

/** So many root blocks are kept while others are looked up; the others are read again in their turn. */
const KEPT_MAX = 16

/** A range of a file. */
export interface FilePart {
  readonly cid: CID
  readonly offset: number
  /** Infinity: to the end, of a file that does not tell its size. */
  readonly length: number
  readonly entry?: UnixfsEntry | undefined
}

/**
 * Returns what `offset` and `length`, counted over all files in a row, take of each. Every path is looked up before
 * anything is read. Throws `failed` for a folder.
 */
export async function openParts(
  node: PathNode,
  paths: readonly string[],
  range: { readonly offset?: number | undefined; readonly length?: number | undefined },
  options: Waiting = {},
): Promise<FilePart[]> {
  const parts: FilePart[] = []
  let skip = range.offset ?? 0
  let left = range.length ?? Number.POSITIVE_INFINITY
  for (const path of paths) {
    if (left <= 0) break
    const { cid } = await resolvePath(node, path, options)
    const entry = await openEntry(node.blocks, cid, options)
    if (entry.kind === 'directory') {
      throw new Failure('failed', `${path}: this dag node is a directory`, { hint: `list it with: tsipfs ls ${path}` })
    }
    const size = Number.isNaN(entry.size) ? Number.POSITIVE_INFINITY : entry.size
    if (skip > size) {
      skip -= size
      continue
    }
    const length = Math.min(left, size - skip)
    const kept = parts.length < KEPT_MAX ? entry : undefined
    if (length > 0) parts.push({ cid, offset: skip, length, entry: kept })
    left -= length
    skip = 0
  }
  return parts
}

/** Yields the bytes of the parts. `heldPieces` are looked at at a time; absent: they are kept. */
export async function* readParts(
  blocks: Pick<Blocks, 'get' | 'getMany'>,
  parts: readonly FilePart[],
  { signal, heldPieces }: Waiting & { readonly heldPieces?: number | undefined } = {},
): AsyncIterable<Uint8Array> {
  const memory = heldPieces === undefined ? undefined : new ReadMemory(heldPieces)
  for (const { cid, offset, length, entry: kept } of parts) {
    const entry = kept ?? (await openEntry(blocks, cid, { signal }))
    if (entry.kind === 'file') yield* readFile(blocks, entry.root, { offset, length, signal, memory })
    if (entry.kind === 'symlink') {
      const { nameToBytes } = await import('../contract/surrogate-escape.ts')
      // As in Kubo, what a symbolic link holds is where it points.
      yield nameToBytes(entry.target).subarray(offset, offset + length)
    }
  }
}
