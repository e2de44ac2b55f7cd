import { Failure } from '../../contract/failure.ts'
import { buzhashCut } from './buzhash.ts'
import { rabinCut } from './rabin.ts'

/** The largest chunk that may be asked for: a block of 2 MiB, less what a leaf in dag-pb adds. */
export const CHUNK_BYTES_MAX: number = 2 * 1024 * 1024 - 256
/** The chunk size of Kubo, and the average of its `rabin`. */
export const CHUNK_BYTES_DEFAULT = 262_144
/** A chunker whose settings find no end in a file makes a single chunk of it, up to here. */
const ENDLESS_BYTES_MAX = 32 * 1024 * 1024
const BUZHASH_BYTES_MAX = 524_288

/** How a stream is cut into chunks. */
export interface Chunking {
  /** The size of all chunks but the last, when they are alike. */
  readonly bytes?: number
  /** No chunk is larger. */
  readonly bytesMax: number
  /** Returns where the first chunk of `bytes` from `start` ends. It sees `bytesMax` bytes, or all that are left. */
  readonly cut: (bytes: Uint8Array, start: number, end: number) => number
}

/** Yields the chunks of a stream. `chunker` is what `add --chunker` takes; throws `usage` when it is malformed. */
export async function* chunk(source: AsyncIterable<Uint8Array>, chunker: string): AsyncIterable<Uint8Array> {
  const splitter = new Splitter(parseChunker(chunker))
  for await (const piece of source) for (const view of splitter.push(piece)) yield splitter.detach(view)
  for (const view of splitter.end()) yield splitter.detach(view)
}

/**
 * Cuts bytes that arrive in pieces. A chunk is a view, of the piece where it lies in one, and holds until the next one is
 * asked for.
 */
export class Splitter {
  readonly #chunking: Chunking
  /** What was pushed and is not cut yet, at the beginning of `#work`. */
  #length = 0
  #work: Uint8Array = new Uint8Array(0)

  constructor(chunking: Chunking) {
    this.#chunking = chunking
  }

  /** Takes a piece; yields the chunks that are complete. */
  *push(piece: Uint8Array): Generator<Uint8Array> {
    const { bytesMax, cut } = this.#chunking
    for (let at = 0; ; ) {
      if (this.#length === 0 && piece.length - at >= bytesMax) {
        const end = cut(piece, at, at + bytesMax)
        yield piece.subarray(at, end)
        at = end
        continue
      }
      const before = this.#length
      const taken = Math.min(bytesMax - before, piece.length - at)
      this.#append(piece.subarray(at, at + taken))
      if (this.#length < bytesMax) return
      const end = cut(this.#work, 0, bytesMax)
      yield this.#work.subarray(0, end)
      // What comes after the chunk is taken from the piece again where it begins there.
      if (end >= before) this.#length = 0
      else this.#drop(end)
      at += end >= before ? end - before : taken
    }
  }

  /** Yields the last chunks. */
  *end(): Generator<Uint8Array> {
    const { bytesMax, cut } = this.#chunking
    let at = 0
    while (at < this.#length) {
      const end = cut(this.#work, at, Math.min(this.#length, at + bytesMax))
      yield this.#work.subarray(at, end)
      at = end
    }
    this.#length = 0
  }

  /** Returns a chunk as bytes that nobody changes, where the pieces are such. */
  detach(view: Uint8Array): Uint8Array {
    return view.buffer === this.#work.buffer ? view.slice() : view
  }

  #append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length
    if (length > ENDLESS_BYTES_MAX) {
      throw new Failure('usage', `the chunker makes a chunk of more than ${ENDLESS_BYTES_MAX} bytes`)
    }
    if (length > this.#work.length) {
      // Grows with the content: a small file needs no room for a large chunk.
      const room = Math.min(Math.max(2 * this.#work.length, length), Math.max(length, this.#chunking.bytesMax))
      const larger = new Uint8Array(Math.min(room, ENDLESS_BYTES_MAX))
      larger.set(this.#work.subarray(0, this.#length))
      this.#work = larger
    }
    this.#work.set(bytes, this.#length)
    this.#length = length
  }

  #drop(count: number): void {
    this.#work.copyWithin(0, count, this.#length)
    this.#length -= count
  }
}

/** Returns how a chunker of that name cuts: `size-262144`, `rabin`, `rabin-avg`, `rabin-min-avg-max`, `buzhash`. */
export function parseChunker(text: string): Chunking {
  if (text === '' || text === 'default') return ofSize(CHUNK_BYTES_DEFAULT)
  const [name, ...parts] = text.split('-')
  if (name === 'size') return parseSize(parts)
  if (name === 'rabin') return parseRabin(parts)
  if (name === 'buzhash') return { bytesMax: BUZHASH_BYTES_MAX, cut: buzhashCut }
  throw refused(`unrecognized chunker option: ${text}`)
}

function ofSize(bytes: number): Chunking {
  return { bytes, bytesMax: bytes, cut: (_, start, end) => Math.min(end, start + bytes) }
}

function parseSize(parts: readonly string[]): Chunking {
  const [size] = parts
  if (parts.length !== 1 || size === undefined) {
    throw refused('incorrect chunker string format (expected size-{size})')
  }
  const bytes = wholeNumber(size)
  if (bytes <= 0) throw refused('chunker size must be greater than 0')
  if (bytes > CHUNK_BYTES_MAX) throw tooLarge()
  return ofSize(bytes)
}

function parseRabin(parts: readonly string[]): Chunking {
  const [first = '', second = '', third = ''] = parts
  if (parts.length === 0) return rabin(...around(CHUNK_BYTES_DEFAULT))
  if (parts.length === 1) {
    const average = wholeNumber(first)
    if (Math.trunc(Math.fround(Math.fround(average) * 1.5)) > CHUNK_BYTES_MAX) throw tooLarge()
    return rabin(...around(average))
  }
  if (parts.length !== 3) {
    throw refused("incorrect format (expected 'rabin' 'rabin-[avg]' or 'rabin-[min]-[avg]-[max]'")
  }
  const least = labelled(first, 'min', 'first label must be min')
  if (least < 16) throw refused('rabin min must be greater than 16')
  const average = labelled(second, 'avg', 'second label must be avg')
  const most = labelled(third, 'max', 'final label must be max')
  if (least >= average) throw refused('incorrect format: rabin-min must be smaller than rabin-avg')
  if (average >= most) throw refused('incorrect format: rabin-avg must be smaller than rabin-max')
  if (most > CHUNK_BYTES_MAX) throw tooLarge()
  return rabin(least, average, most)
}

function around(average: number): [least: number, average: number, most: number] {
  return [Math.floor(average / 3), average, average + Math.floor(average / 2)]
}

function rabin(least: number, average: number, most: number): Chunking {
  // With less than its window, Kubo's chunker waits for 2^64 bytes before it looks for an end.
  if (least < 16) return { bytesMax: Number.POSITIVE_INFINITY, cut: (_, __, end) => end }
  return { bytesMax: most, cut: rabinCut(least, average, most) }
}

function labelled(text: string, label: string, otherwise: string): number {
  const parts = text.split(':')
  if (parts.length > 1 && parts[0] !== label) throw refused(otherwise)
  return wholeNumber(parts.at(-1) ?? '')
}

function wholeNumber(text: string): number {
  const quoted = JSON.stringify(text)
  if (!/^[+-]?[0-9]+$/.test(text)) throw refused(`strconv.Atoi: parsing ${quoted}: invalid syntax`)
  if (!Number.isSafeInteger(Number(text))) throw refused(`strconv.Atoi: parsing ${quoted}: value out of range`)
  return Number(text)
}

function tooLarge(): Failure {
  return refused(`chunker parameters may not exceed the maximum chunk size of ${CHUNK_BYTES_MAX}`)
}

function refused(reason: string): Failure {
  return new Failure('usage', reason, { hint: 'chunkers: size-N, rabin, rabin-AVG, rabin-MIN-AVG-MAX, buzhash' })
}
