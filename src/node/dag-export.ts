import type { CID } from 'multiformats/cid'
import type { Block, Waiting } from '../repo/roles.ts'
import { encodeCarHeader, varintLength } from './car.ts'
import { CidSet } from './cid-set.ts'
import { exactBytes, readDag, type WalkBlocks } from './dag-walk.ts'
import { IDENTITY } from './hash.ts'

/** Blocks are gathered into pieces of about this size. */
const PIECE_BYTES = 1024 * 1024

/** Options of `exportCar`. */
export interface ExportOptions extends Waiting {
  /** What is not here, or cannot be read, is left out, with all below it. */
  readonly partial?: boolean
}

/**
 * Yields a CARv1 of a DAG: its blocks in depth-first order, each CID once. The same DAG gives the same bytes. Throws
 * before anything is yielded when the root cannot be read.
 */
export function exportCar(blocks: WalkBlocks, root: CID, options: ExportOptions = {}): AsyncIterable<Uint8Array> {
  const read = readDag(blocks, root, { ...options, isBrief: true })
  return packCar([root], options.partial === true ? eachOnce(read) : read, PIECE_BYTES)
}

/** Yields blocks whose bytes are not there yet: none that stands in its CID, and of those with one digest the first. */
async function* eachOnce(blocks: AsyncIterable<Block>): AsyncIterable<Block> {
  const seen = new CidSet(({ multihash }) => multihash.bytes)
  for await (const block of blocks) {
    if (block.cid.multihash.code !== IDENTITY && seen.add(block.cid)) yield block
  }
}

/**
 * Yields a CARv1 of several DAGs, one after another, as `exportCar` does of one. A piece is overwritten once the second one
 * after it is asked for.
 */
export function exportRoots(
  blocks: WalkBlocks,
  roots: readonly CID[],
  options: Waiting = {},
): AsyncIterable<Uint8Array> {
  const seen = new CidSet(exactBytes)
  async function* all(): AsyncIterable<Block> {
    for (const root of roots) yield* readDag(blocks, root, { ...options, seen, isBrief: true })
  }
  return packCar(roots, all(), PIECE_BYTES, true)
}

/**
 * Yields a CARv1 of blocks in their order, in pieces of at least half of `pieceBytes`. Whoever is done with a piece may
 * give it back when asking for the next: its memory is then used again. With `isBrief` a piece is
 * overwritten once the second one after it is asked for: one may be written while the next one is made.
 */
export async function* packCar(
  roots: readonly CID[],
  blocks: AsyncIterable<Block>,
  pieceBytes: number,
  isBrief = false,
): AsyncGenerator<Uint8Array, void, Uint8Array | undefined> {
  let piece: Uint8Array = encodeCarHeader(roots)
  let spare: Uint8Array | undefined
  let at = piece.length
  for await (const block of blocks) {
    const length = sectionLength(block)
    if (at + length > piece.length) {
      if (at >= pieceBytes / 2) {
        const back: Uint8Array | undefined = yield piece.subarray(0, at)
        if (back?.buffer === piece.buffer) spare = piece
        const last = piece
        piece = spare !== undefined && spare.length >= length ? spare : new Uint8Array(Math.max(pieceBytes, length))
        if (isBrief) spare = last
        at = 0
      } else {
        const larger = new Uint8Array(Math.max(pieceBytes, at + length))
        larger.set(piece.subarray(0, at))
        piece = larger
      }
    }
    at = writeSection(piece, at, block)
  }
  yield piece.subarray(0, at)
}

function sectionLength({ cid, bytes }: Block): number {
  const length = cid.bytes.length + bytes.length
  return varintLength(length) + length
}

function writeSection(piece: Uint8Array, start: number, { cid, bytes }: Block): number {
  let at = start
  let length = cid.bytes.length + bytes.length
  for (; length >= 0x80; length >>>= 7) {
    piece[at] = (length & 0x7f) | 0x80
    at += 1
  }
  piece[at] = length
  at += 1
  piece.set(cid.bytes, at)
  at += cid.bytes.length
  piece.set(bytes, at)
  return at + bytes.length
}
