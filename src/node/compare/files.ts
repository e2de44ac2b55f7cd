import { Failure } from '../../contract/failure.ts'
import { Breath } from '../../repo/pause.ts'
import type { Blocks, Waiting } from '../../repo/roles.ts'
import type { FileNode } from '../file-node.ts'
import { checkBlock, IDENTITY } from '../hash.ts'
import { FileCursor, type FilePart } from './file-cursor.ts'

/** Where two files differ first. */
export interface Difference {
  /** The byte; when only the hash of a part is known, the first of that part. */
  readonly offset: number
  /** False when the difference lies somewhere in the part that begins at `offset`. */
  readonly isExact: boolean
}

/**
 * Returns where the bytes of two files first differ, undefined when they do not. What both have of the same block at
 * the same place is not read.
 */
export async function compareFiles(
  blocks: Pick<Blocks, 'get'>,
  one: FileNode,
  other: FileNode,
  options: Waiting = {},
): Promise<Difference | undefined> {
  const sides = [new Side(blocks, one, options), new Side(blocks, other, options)] as const
  const breath = new Breath()
  let offset = 0
  for (;;) {
    if (breath.due) await breath.take(options.signal)
    const [a, b] = sides
    if (a.left.length === 0 && b.left.length === 0) {
      const skipped = await skipEqual(a, b)
      if (skipped === undefined) return undefined
      offset += skipped
    }
    for (const side of sides) if (side.left.length === 0) await side.fill()
    const length = Math.min(a.left.length, b.left.length)
    if (length === 0) return a.left.length === b.left.length ? undefined : { offset, isExact: true }
    const at = firstDifference(a.left.subarray(0, length), b.left.subarray(0, length))
    if (at !== undefined) return { offset: offset + at, isExact: true }
    a.left = a.left.subarray(length)
    b.left = b.left.subarray(length)
    offset += length
  }
}

/** Passes over parts that are the same block. Returns how many bytes they were; undefined at the end of both. */
async function skipEqual(a: Side, b: Side): Promise<number | undefined> {
  let skipped = 0
  for (;;) {
    const [one, other] = [a.cursor.head(), b.cursor.head()]
    if (one === undefined && other === undefined) return undefined
    if (one?.kind !== 'link' || other?.kind !== 'link') return skipped
    if (one.size !== undefined && one.size === other.size && one.cid.equals(other.cid)) {
      skipped += one.size
      a.cursor.skip()
      b.cursor.skip()
    } else if (one.isLeaf && other.isLeaf) return skipped
    else if (other.isLeaf || (!one.isLeaf && (one.size ?? 0) >= (other.size ?? 0))) await a.cursor.descend()
    else await b.cursor.descend()
  }
}

class Side {
  readonly cursor: FileCursor
  left: Uint8Array = new Uint8Array(0)

  constructor(blocks: Pick<Blocks, 'get'>, root: FileNode, options: Waiting) {
    this.cursor = new FileCursor(blocks, root, options)
  }

  /** Reads the next bytes; leaves nothing at the end of the file. */
  async fill(): Promise<void> {
    for (let part = this.cursor.head(); part !== undefined; part = this.cursor.head()) {
      if (part.kind === 'link') {
        await this.cursor.descend()
        continue
      }
      this.left = part.bytes
      this.cursor.skip()
      return
    }
  }
}

/** What comparing a stream with a file found. */
export interface StreamMatch {
  readonly difference: Difference | undefined
  /** Bytes of the stream that were taken. All of them when there is no difference. */
  readonly taken: number
}

/**
 * Compares a stream of bytes with a file without reading its raw leaves: they are hashed as they come. Says where the
 * first difference is; to the byte when the block at that place is here. The rest of the
 * stream is left alone, or with `drain` read to its end.
 */
export async function matchStream(
  blocks: Pick<Blocks, 'get'>,
  here: Pick<Blocks, 'get'>,
  root: FileNode,
  content: AsyncIterable<Uint8Array>,
  options: Waiting & { readonly drain?: boolean } = {},
): Promise<StreamMatch> {
  const cursor = new FileCursor(blocks, root, options)
  const stream = new ByteReader(content)
  const breath = new Breath()
  try {
    let offset = 0
    for (let part = cursor.head(); part !== undefined; part = cursor.head()) {
      if (breath.due) await breath.take(options.signal)
      if (part.kind === 'link' && (!part.isLeaf || part.size === undefined || isIdentity(part))) {
        await cursor.descend()
        continue
      }
      const size = part.kind === 'bytes' ? part.bytes.length : (part.size ?? 0)
      const bytes = await stream.take(size)
      const difference = await differenceOf(part, bytes, size, here, options)
      if (difference !== undefined) {
        if (options.drain === true) await stream.drain()
        return { difference: { ...difference, offset: offset + difference.offset }, taken: offset + bytes.length }
      }
      offset += size
      cursor.skip()
    }
    const more = (await stream.take(1)).length > 0
    if (more && options.drain === true) await stream.drain()
    return { difference: more ? { offset, isExact: true } : undefined, taken: offset + (more ? 1 : 0) }
  } finally {
    await stream.close()
  }
}

function isIdentity(part: FilePart): boolean {
  return part.kind === 'link' && part.cid.multihash.code === IDENTITY
}

async function differenceOf(
  part: FilePart,
  bytes: Uint8Array,
  size: number,
  here: Pick<Blocks, 'get'>,
  options: Waiting,
): Promise<Difference | undefined> {
  if (part.kind === 'bytes') {
    const at = firstDifference(part.bytes, bytes)
    return at === undefined ? undefined : { offset: at, isExact: true }
  }
  try {
    if (bytes.length === size) {
      await checkBlock(part.cid, bytes)
      return undefined
    }
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'data-mismatch') throw error
  }
  try {
    const wanted = await here.get(part.cid, options)
    return { offset: firstDifference(wanted, bytes) ?? bytes.length, isExact: true }
  } catch (error) {
    // The block is not here: then its beginning must do.
    if (error instanceof Failure && error.kind === 'not-found') return { offset: 0, isExact: false }
    throw error
  }
}

/** Returns the place of the first byte that differs; undefined when both are the same. */
export function firstDifference(one: Uint8Array, other: Uint8Array): number | undefined {
  if (Buffer.compare(one, other) === 0) return undefined
  const length = Math.min(one.length, other.length)
  for (let at = 0; at < length; at++) if (one[at] !== other[at]) return at
  return length
}

/** Takes bytes from a stream in pieces of a wanted size. */
class ByteReader {
  readonly #iterator: AsyncIterator<Uint8Array>
  #pieces: Uint8Array[] = []
  #length = 0

  constructor(content: AsyncIterable<Uint8Array>) {
    this.#iterator = content[Symbol.asyncIterator]()
  }

  /** Returns the next bytes: fewer than asked for at the end of the stream only. */
  async take(size: number): Promise<Uint8Array> {
    while (this.#length < size) {
      const next = await this.#iterator.next()
      if (next.done === true) break
      this.#pieces.push(next.value)
      this.#length += next.value.length
    }
    const first = this.#pieces[0]
    const all = this.#pieces.length === 1 && first !== undefined ? first : Buffer.concat(this.#pieces)
    const taken = all.subarray(0, size)
    const rest = all.subarray(taken.length)
    this.#pieces = rest.length === 0 ? [] : [rest]
    this.#length = rest.length
    return taken
  }

  /** Reads to the end. */
  async drain(): Promise<void> {
    while ((await this.#iterator.next()).done !== true);
  }

  async close(): Promise<void> {
    await this.#iterator.return?.()
  }
}
