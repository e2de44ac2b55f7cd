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
  /** Returns the size of a block, 0 when it is not known. */
  readonly sizeOf: (cid: CID) => Promise<number>
  readonly get: (cid: CID) => Promise<Uint8Array>
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
  const source = iteratorOf(cids)
  const ahead: Ahead[] = []
  const { budget } = options
  let bytesAhead = 0
  let ended = false
  const mayTake = (): boolean =>
    ahead.length === 0 || (ahead.length < BLOCKS_AHEAD_MAX && bytesAhead < BYTES_AHEAD_MAX && budget?.hasRoom !== false)
  try {
    for (;;) {
      while (!ended && mayTake()) {
        const next = await source.next()
        if (next.done === true) {
          ended = true
          break
        }
        const cid = next.value
        const size = await options.sizeOf(cid)
        const bytes = options.get(cid)
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
    if (!ended) await source.return?.()
    await Promise.allSettled(ahead.map(block => block.bytes))
  }
}

function iteratorOf(cids: Iterable<CID> | AsyncIterable<CID>): Iterator<CID> | AsyncIterator<CID> {
  return Symbol.asyncIterator in cids ? cids[Symbol.asyncIterator]() : cids[Symbol.iterator]()
}
