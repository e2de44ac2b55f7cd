import { setTimeout as sleep } from 'node:timers/promises'
import type { CID } from 'multiformats/cid'
import { formatDuration } from '../../contract/duration.ts'
import { Failure } from '../../contract/failure.ts'
import type { Blocks, Waiting } from '../../repo/roles.ts'
import type { Exchange, FetchState } from '../exchange.ts'
import type { GivenUp, Session, Tried } from './bitswap/session.ts'
import type { Gateways } from './gateways.ts'

const STATE_MS = 250
/** While peers answer, gateways are asked only for what did not come within this time. */
const PEERS_FIRST_MS = 500

export interface FetcherOptions {
  /** Asks peers; undefined: only gateways are asked. What it brings is stored by Bitswap. */
  readonly session?: Session | undefined
  /** How many peers are connected. */
  readonly peers: () => number
  /** Of peers and providers, what was tried so far. */
  readonly tried?: (() => string) | undefined
  readonly gateways: Gateways
  /** Takes a block that a gateway gave. */
  readonly received: (cid: CID, bytes: Uint8Array) => Promise<void>
  readonly blocks: Pick<Blocks, 'flush'>
  readonly onState?: ((state: FetchState) => void) | undefined
}

/** Fetches blocks from peers and gateways, whoever is first. */
export class Fetcher implements Exchange {
  readonly #options: FetcherOptions
  readonly #stop = new AbortController()
  readonly #timer: NodeJS.Timeout | undefined
  #asked = 0
  #blocks = 0
  #bytes = 0

  constructor(options: FetcherOptions) {
    this.#options = options
    const { onState } = options
    if (onState !== undefined) this.#timer = setInterval(() => onState(this.#state()), STATE_MS)
  }

  get(cid: CID, options: Waiting = {}): Promise<Uint8Array> {
    const { session, gateways } = this.#options
    if (session !== undefined && gateways.size === 0) return this.#watched(session.want(cid, options.signal), options)
    return this.#watched(this.#race(cid, options.signal), options)
  }

  /** Whoever gives up a wait learns how far it came. */
  #watched(block: Promise<Uint8Array>, { signal }: Waiting): Promise<Uint8Array> {
    const { onState } = this.#options
    if (onState === undefined || signal === undefined) return block
    return block.catch(error => {
      if (signal.aborted) onState(this.#state())
      throw error
    })
  }

  async #race(cid: CID, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const { session } = this.#options
    signal?.throwIfAborted()
    const won = new AbortController()
    const stop = AbortSignal.any([won.signal, this.#stop.signal, ...(signal === undefined ? [] : [signal])])
    this.#asked += 1
    try {
      const ways = [this.#fromGateways(cid, stop)]
      if (session !== undefined) ways.unshift(session.want(cid, stop))
      return await Promise.any(ways)
    } catch (error) {
      signal?.throwIfAborted()
      throw reasonOf(error, cid, this.#options.gateways)
    } finally {
      this.#asked -= 1
      won.abort(new DOMException('the block came another way', 'AbortError'))
    }
  }

  async #fromGateways(cid: CID, signal: AbortSignal): Promise<Uint8Array> {
    const { session, gateways, received } = this.#options
    if (session?.hasPeers === true) await sleep(PEERS_FIRST_MS, undefined, { signal })
    const bytes = await gateways.get(cid, { signal })
    await received(cid, bytes)
    this.#blocks += 1
    this.#bytes += bytes.length
    return bytes
  }

  #state(): FetchState {
    const { session, peers, gateways } = this.#options
    const { wants, blocks, bytes } = session?.progress ?? { wants: this.#asked, blocks: 0, bytes: 0 }
    const ways = [this.#options.tried?.(), gateways.size === 0 ? undefined : `asked ${gatewaysText(gateways)}`]
    const tried = ways.filter(way => way !== undefined).join(', ')
    return { peers: peers(), wants, blocks: blocks + this.#blocks, bytes: bytes + this.#bytes, tried }
  }

  async flush(options?: Waiting): Promise<void> {
    await this.#options.blocks.flush(options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    this.#stop.abort(new DOMException('the fetch is over', 'AbortError'))
    this.#options.gateways.close()
    this.#options.session?.close(new DOMException('the fetch is over', 'AbortError'))
  }
}

/** Of all the ways that failed that of the peers says most; without peers, that of the gateways. */
function reasonOf(error: unknown, cid: CID, gateways: Gateways): unknown {
  if (!(error instanceof AggregateError)) return error
  const [first, ...others] = error.errors as unknown[]
  const bug = [first, ...others].find(one => !(one instanceof Failure))
  if (bug !== undefined) return bug
  if (!(first instanceof Failure)) return error
  const text = first.message.startsWith('block ') ? first.message : `block ${cid} was not found: ${first.message}`
  const why = others.map(one => (one instanceof Failure ? one.message : '')).join('; ')
  return new Failure(first.kind, others.length === 0 ? text : `${text}; asked ${gatewaysText(gateways)}: ${why}`, {
    hint: first.hint ?? 'name a peer that has it with --peer, or another gateway with --gateway',
    data: { ...first.data, cid: cid.toString(), gateways: String(gateways.size) },
    cause: error,
  })
}

function gatewaysText({ size }: Gateways): string {
  return size === 1 ? 'the gateway' : `${size} gateways`
}

export interface Limits {
  readonly lookupTimeoutMs: number
  readonly stallTimeoutMs: number
}

type AllTried = Tried & { readonly unreached: readonly string[] }

/** Returns who was asked and found, and who could not be reached, for people to read. */
export function triedText({ peers, providers, searches, unreached }: AllTried): string {
  const asked = [
    peers === 0 ? 'no peer was connected' : `asked ${count(peers, 'peer')}`,
    ...(unreached.length === 0 ? [] : [`could not reach ${unreached.join(' ')}`]),
    searches === 0 ? 'looked for no providers' : `found ${count(providers, 'provider')}`,
  ]
  return asked.join(', ')
}

/** Returns what is said of a block that did not come, with what was tried. */
export function givenUp(cid: CID, why: GivenUp, all: AllTried, limits: Limits): Failure {
  const { peers, providers, searches } = all
  const tried = triedText(all)
  const data = {
    ...{ cid: cid.toString(), peers: String(peers), providers: String(providers), searches: String(searches) },
  }
  if (why === 'nobody') {
    return new Failure('not-found', `block ${cid} was not found: ${tried}`, {
      hint: 'name a peer that has it with --peer, or a gateway with --gateway',
      data,
    })
  }
  const [name, ms] = why === 'lookup' ? ['lookup', limits.lookupTimeoutMs] : ['stall', limits.stallTimeoutMs]
  const limit = formatDuration(ms)
  const text =
    why === 'lookup'
      ? `block ${cid} was not found within ${limit} (request timed out)`
      : `not a byte came for ${limit} while block ${cid} was waited for (request timed out)`
  return new Failure('timeout', `${text}: ${tried}`, {
    hint: `allow more with --${name}-timeout, or name a peer that has it with --peer`,
    data,
  })
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
