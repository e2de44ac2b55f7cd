import type { CID } from 'multiformats/cid'
import type { Block } from './roles.ts'

const BLOCKS_AHEAD_MAX = 64
const BYTES_AHEAD_MAX = 4 * 1024 * 1024

/** What all readers of one store may hold together: a reader whose consumer does not move must not cost the others. */
const BYTES_AHEAD_TOTAL_MAX = 32 * 1024 * 1024

/** Counts what the readers of one store hold ahead of their consumers. */
export class AheadBudget {
  #bytes = 0

  get hasRoom(): boolean {
    return this.#bytes < BYTES_AHEAD_TOTAL_MAX
  }

  take(bytes: number): void {
    this.#bytes += bytes
  }

  give(bytes: number): void {
    this.#bytes -= bytes
  }
}

interface ReadAheadOptions {
  readonly budget?: AheadBudget | undefined
  readonly signal: AbortSignal | undefined
  /** Looks blocks up, many at a time, and says how to read each. */
  readonly look: (cids: readonly CID[]) => Promise<readonly Found[]>
}

interface Found {
  readonly cid: CID
  /** 0 when it is not known. */
  readonly size: number
  readonly get: () => Promise<Uint8Array>
}

interface Ahead {
  readonly cid: CID
  readonly size: number
  readonly bytes: Promise<Uint8Array>
}

/** Yields blocks in the order of their CIDs, while those that follow are being read: a bounded number of blocks and bytes. */
export async function* readAhead(
  cids: Iterable<CID> | AsyncIterable<CID>,
  options: ReadAheadOptions,
): AsyncIterable<Block> {
  const source = new LookAhead(cids, options.look)
  const ahead: Ahead[] = []
  const { budget } = options
  let bytesAhead = 0
  const mayTake = (): boolean =>
    ahead.length === 0 || (ahead.length < BLOCKS_AHEAD_MAX && bytesAhead < BYTES_AHEAD_MAX && budget?.hasRoom !== false)
  try {
    for (;;) {
      while (mayTake()) {
        const found = source.known() ?? (await source.next())
        if (found === undefined) break
        const { cid, size } = found
        const bytes = found.get()
        // Whoever takes it in its turn meets the failure.
        bytes.catch(() => undefined)
        ahead.push({ cid, size, bytes })
        bytesAhead += size
        budget?.take(size)
      }
      options.signal?.throwIfAborted()
      const first = ahead.shift()
      if (first === undefined) return
      bytesAhead -= first.size
      budget?.give(first.size)
      yield { cid: first.cid, bytes: await first.bytes }
    }
  } finally {
    budget?.give(bytesAhead)
    await source.close()
    await Promise.allSettled(ahead.map(block => block.bytes))
  }
}

/** Where the CIDs come from. Those that are there at once are looked up together. */
export class LookAhead<T> {
  readonly #cids: Iterator<CID> | AsyncIterator<CID>
  readonly #look: (cids: readonly CID[]) => Promise<readonly T[]>
  #found: readonly T[] = []
  #at = 0
  #ended = false

  constructor(cids: Iterable<CID> | AsyncIterable<CID>, look: (cids: readonly CID[]) => Promise<readonly T[]>) {
    this.#cids = Symbol.asyncIterator in cids ? cids[Symbol.asyncIterator]() : cids[Symbol.iterator]()
    this.#look = look
  }

  /** Returns the next block that was looked up already; undefined when there is none. */
  known(): T | undefined {
    return this.#found[this.#at++]
  }

  /** Returns the next block; undefined after the last. */
  async next(): Promise<T | undefined> {
    const cids: CID[] = []
    while (!this.#ended && cids.length < BLOCKS_AHEAD_MAX) {
      const next = this.#cids.next()
      const result = next instanceof Promise ? await next : next
      if (result.done === true) this.#ended = true
      else cids.push(result.value)
      // Others may take long to come.
      if (next instanceof Promise) break
    }
    this.#found = cids.length === 0 ? [] : await this.#look(cids)
    this.#at = 0
    return this.known()
  }

  async close(): Promise<void> {
    if (!this.#ended) await this.#cids.return?.()
  }
}
