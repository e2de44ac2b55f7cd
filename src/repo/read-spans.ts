import type { CID } from 'multiformats/cid'
import { PACK_OF_FILES, type Row } from './block-index.ts'
import type { Checker } from './check.ts'
import { joined, type PackReader, type Place } from './pack-reader.ts'
import { type AheadBudget, LookAhead } from './read-ahead.ts'
import { READ_MEMORY_BYTES, type ReadMemory } from './read-memory.ts'
import type { Block } from './roles.ts'

/** So many reads are under way, or wait, while the blocks of one are looked at. */
const SPANS_AHEAD_MAX = 2

/** A block, and where it lies; undefined when it is not in a pack. */
export interface Placed {
  readonly cid: CID
  readonly row: Row | undefined
}

interface ReadSpansOptions {
  readonly memory: ReadMemory
  readonly reader: PackReader
  readonly checker: Checker
  readonly budget: AheadBudget
  readonly signal: AbortSignal | undefined
  readonly look: (cids: readonly CID[]) => Promise<readonly Placed[]>
  /** Reads a block by itself, into memory of its own: what lies elsewhere, has moved or is damaged. */
  readonly load: (placed: Placed) => Promise<Uint8Array>
}

/** Blocks that are read together. */
interface Span {
  readonly items: Placed[]
  /** Where they lie; undefined for a block that is read by itself. */
  readonly place: Place | undefined
}

interface Reading extends Span {
  readonly memory: Uint8Array | undefined
  readonly bytes: Promise<Uint8Array | undefined>
}

/**
 * Yields checked blocks in the order of their CIDs, from memory that is used again: blocks that follow one another in a
 * pack are read together, the next ones while these are hashed, every other one by another thread.
 */
export async function* readSpans(
  cids: Iterable<CID> | AsyncIterable<CID>,
  options: ReadSpansOptions,
): AsyncIterable<Block> {
  const { memory, checker, budget, signal, load } = options
  const source = new LookAhead(cids, options.look)
  const spans = new Spans(source)
  const ahead: Reading[] = []
  try {
    for (;;) {
      while (ahead.length === 0 || (ahead.length <= SPANS_AHEAD_MAX && budget.hasRoom)) {
        const span = await spans.next()
        if (span === undefined) break
        ahead.push(begin(span, options))
        budget.take(span.place?.length ?? 0)
      }
      const reading = ahead.shift()
      if (reading === undefined) return
      budget.give(reading.place?.length ?? 0)
      const bytes = await reading.bytes
      let elsewhere: Promise<boolean> | undefined
      for (const [nth, item] of reading.items.entries()) {
        signal?.throwIfAborted()
        const piece = pieceOf(reading, item, bytes)
        let matches: boolean | Promise<boolean> | undefined = elsewhere
        elsewhere = undefined
        if (matches === undefined && piece !== undefined) {
          const next = reading.items[nth + 1]
          const nextPiece = next === undefined ? undefined : pieceOf(reading, next, bytes)
          if (next !== undefined && nextPiece !== undefined) elsewhere = checker.beginInPool(next.cid, nextPiece)
          matches = checker.matchesHere(item.cid, piece)
        }
        const isRight = piece !== undefined && (await matches) === true
        if (nth === reading.items.length - 1 && reading.memory !== undefined) memory.give(reading.memory)
        yield { cid: item.cid, bytes: isRight ? piece : await load(item) }
      }
    }
  } finally {
    for (const reading of ahead) budget.give(reading.place?.length ?? 0)
    await source.close()
    await Promise.allSettled(ahead.map(reading => reading.bytes))
  }
}

function begin(span: Span, { memory, reader }: ReadSpansOptions): Reading {
  const { place } = span
  if (place === undefined) return { ...span, memory: undefined, bytes: Promise.resolve(undefined) }
  // One block may be larger than what is read together.
  const target = place.length <= READ_MEMORY_BYTES ? memory.take() : undefined
  const bytes = reader.readInto(place, target?.subarray(0, place.length))
  // Whoever takes it in its turn meets the failure.
  bytes.catch(() => undefined)
  return { ...span, memory: target, bytes }
}

/** Returns the bytes of a block; undefined when they are not there, or not all of them. */
function pieceOf({ place }: Span, { row }: Placed, bytes: Uint8Array | undefined): Uint8Array | undefined {
  if (place === undefined || row === undefined || bytes === undefined) return undefined
  const at = row.offset - place.offset
  return at + row.length <= bytes.length ? bytes.subarray(at, at + row.length) : undefined
}

/** Puts together what lies one behind another. */
class Spans {
  readonly #source: LookAhead<Placed>
  #kept: Placed | undefined

  constructor(source: LookAhead<Placed>) {
    this.#source = source
  }

  async next(): Promise<Span | undefined> {
    const first = this.#kept ?? this.#source.known() ?? (await this.#source.next())
    this.#kept = undefined
    if (first === undefined) return undefined
    const { row } = first
    if (row === undefined || row.pack === PACK_OF_FILES) return { items: [first], place: undefined }
    const items = [first]
    let place: Place = { pack: row.pack, offset: row.offset, length: row.length }
    for (;;) {
      // Only what was looked up already: others may take long to come.
      const next = this.#source.known()
      if (next === undefined) break
      const both = next.row === undefined ? undefined : joined(place, next.row)
      if (both === undefined) {
        this.#kept = next
        break
      }
      items.push(next)
      place = both
    }
    return { items, place }
  }
}
