import type { CID } from 'multiformats/cid'
import type { Block } from './roles.ts'

const BLOCKS_AHEAD_MAX = 64
const BYTES_AHEAD_MAX = 4 * 1024 * 1024

interface ReadAheadOptions {
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
  let bytesAhead = 0
  let ended = false
  try {
    for (;;) {
      while (!ended && ahead.length < BLOCKS_AHEAD_MAX && (ahead.length === 0 || bytesAhead < BYTES_AHEAD_MAX)) {
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
      }
      options.signal?.throwIfAborted()
      const first = ahead.shift()
      if (first === undefined) return
      bytesAhead -= first.size
      yield { cid: first.cid, bytes: await first.bytes }
    }
  } finally {
    if (!ended) await source.return?.()
    await Promise.allSettled(ahead.map(block => block.bytes))
  }
}

function iteratorOf(cids: Iterable<CID> | AsyncIterable<CID>): Iterator<CID> | AsyncIterator<CID> {
  return Symbol.asyncIterator in cids ? cids[Symbol.asyncIterator]() : cids[Symbol.iterator]()
}
