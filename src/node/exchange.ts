import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import type { Block, Blocks, ConfigStore, GetManyOptions, Waiting } from '../repo/roles.ts'
import { type FetchAheadOptions, fetchAhead } from './fetch-ahead.ts'

/** Fetches blocks that are not here. What it returns has been checked against its CID, and is stored in the repo. */
export interface Exchange extends AsyncDisposable {
  /** Throws `timeout` or `not-found`, with what was tried. */
  get(cid: CID, options?: Waiting): Promise<Uint8Array>
  /** Resolves when all that was fetched so far is durable, and kept from garbage collection while this lives. */
  flush(options?: Waiting): Promise<void>
}

/** How far a fetch is, for people to look at while they wait. */
export interface FetchState {
  /** Peers that are connected. */
  readonly peers: number
  /** Blocks that are waited for. */
  readonly wants: number
  readonly blocks: number
  readonly bytes: number
  /** Who was asked and found so far: `asked 2 peers, found 0 providers`. */
  readonly tried: string
}

/**
 * Returns blocks that are looked up here first and, when missing, fetched. `exchange` is called at the first miss, once;
 * whoever made it closes it. Only `get` and `getMany` fetch; many blocks are asked for at a time, as many as the config
 * leaves memory for.
 */
export function withExchange(
  local: Blocks,
  exchange: () => Promise<Exchange>,
  config?: Pick<ConfigStore, 'read'>,
): Blocks {
  let opened: Promise<Exchange> | undefined
  const fetch = async (cid: CID, options: Waiting): Promise<Uint8Array> => {
    opened ??= exchange().catch(error => {
      opened = undefined
      throw error
    })
    return await (await opened).get(cid, options)
  }
  return {
    has: (cid, options) => local.has(cid, options),
    stat: (cid, options) => local.stat(cid, options),
    statMany: (cids, options) => local.statMany(cids, options),
    async get(cid, options = {}) {
      try {
        return await local.get(cid, options)
      } catch (error) {
        if (!isMissing(error, cid)) throw error
        return await fetch(cid, options)
      }
    },
    getMany: (cids, options = {}) => getMany({ local, fetch, config }, cids, options),
    put: (cid, bytes, options) => local.put(cid, bytes, options),
    async flush(options) {
      await (await opened)?.flush(options)
      await local.flush(options)
    },
    protect: (cids, options) => local.protect(cids, options),
    delete: (cid, options) => local.delete(cid, options),
    list: options => local.list(options),
  }
}

/** Returns blocks that are looked for here only. Where one is missing the failure says why nobody was asked. */
export function withoutExchange(local: Blocks, hint: string): Blocks {
  return withExchange(local, async () => new NobodyToAsk(hint))
}

/** Stands in where nobody can be asked. */
export class NobodyToAsk implements Exchange {
  readonly #hint: string

  constructor(hint: string) {
    this.#hint = hint
  }

  async get(cid: CID): Promise<Uint8Array> {
    throw new Failure('not-found', `block was not found locally (offline): ipld: could not find ${cid}`, {
      hint: this.#hint,
      data: { cid: cid.toString() },
    })
  }

  async flush(): Promise<void> {
    // Nothing was fetched.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing was opened.
  }
}

function isMissing(error: unknown, cid: CID | undefined): boolean {
  return error instanceof Failure && error.kind === 'not-found' && error.data?.cid === cid?.toString()
}

type Took = (result: IteratorResult<CID>) => IteratorResult<CID>

/** Returns the iterator, and an iterable that hands on what it yields, at once where it can, and does not close it. */
function passOn(
  cids: Iterable<CID> | AsyncIterable<CID>,
  took: Took,
): [Iterator<CID> | AsyncIterator<CID>, Iterable<CID> | AsyncIterable<CID>] {
  if (Symbol.asyncIterator in cids) {
    const source = cids[Symbol.asyncIterator]()
    return [source, { [Symbol.asyncIterator]: () => ({ next: async () => took(await source.next()) }) }]
  }
  const source = cids[Symbol.iterator]()
  return [source, { [Symbol.iterator]: () => ({ next: () => took(source.next()) }) }]
}

/** While everything is here the store reads ahead by itself; from the first miss on the rest is fetched. */
async function* getMany(
  {
    local,
    fetch,
    config,
  }: Pick<FetchAheadOptions, 'fetch'> & { local: Blocks; config: Pick<ConfigStore, 'read'> | undefined },
  cids: Iterable<CID> | AsyncIterable<CID>,
  options: GetManyOptions,
): AsyncIterable<Block> {
  /** What the store has taken, and not given back. */
  const taken: CID[] = []
  let ended = false
  const took = (result: IteratorResult<CID>): IteratorResult<CID> => {
    if (result.done === true) ended = true
    else taken.push(result.value)
    return result
  }
  const [source, passed] = passOn(cids, took)
  try {
    try {
      // It must not close the source: what the store does not have is taken from there still.
      for await (const block of local.getMany(passed, options)) {
        taken.shift()
        yield block
      }
      return
    } catch (error) {
      if (!isMissing(error, taken[0])) throw error
    }
    const rest = ended ? undefined : source
    const bytesAheadMax = config === undefined ? undefined : await aheadBytes(config)
    yield* fetchAhead(taken, rest, { local, fetch, bytesAheadMax, signal: options.signal })
    ended = true
  } finally {
    if (!ended) await source.return?.()
  }
}

/** Is asked when something is missing: what is here needs neither the module nor the config. */
async function aheadBytes(config: Pick<ConfigStore, 'read'>): Promise<number | undefined> {
  const { fetchAheadBytes } = await import('./memory-budget.ts')
  return fetchAheadBytes(await config.read())
}
