import type { CID } from 'multiformats/cid'
import { Failure } from '../../contract/failure.ts'
import type { Waiting } from '../../repo/roles.ts'
import { requestProblem } from '../fetch-bounded.ts'
import { GatewayCars } from './gateway-cars.ts'

/** So many requests to one gateway are under way at a time. */
const REQUESTS_MAX = 16
/** A block that is longer is not read. */
const BLOCK_BYTES_MAX = 4 * 1024 * 1024
const REDIRECTS_MAX = 3
/** After so many failures in a row, but for "not here", a gateway is left alone. */
const FAILURES_MAX = 5
const RAW_TYPE = 'application/vnd.ipld.raw'
const CAR_TYPE = 'application/vnd.ipld.car'
const DAG_PB = 0x70
/** A file with all its blocks, or the blocks of a folder without what lies in it. */
const CAR_QUERY = 'format=car&dag-scope=entity&car-order=dfs&car-dups=n'

export interface GatewayOptions {
  readonly urls: readonly string[]
  /** Time for one request, from its beginning to its last byte. */
  readonly requestTimeoutMs: number
  /** Throws `data-mismatch`. */
  readonly check: (cid: CID, bytes: Uint8Array) => void | Promise<void>
}

/**
 * Trustless gateways, which give blocks over HTTP: https://specs.ipfs.tech/http-gateways/trustless-gateway/. They are
 * asked one after another, the one that answered best first; every block is checked. What may have blocks below is asked for
 * as a CAR, so that a file comes with one request; what cannot be had like that, block by block.
 */
export class Gateways {
  readonly #options: GatewayOptions
  readonly #gateways: Gateway[]
  #failures = 0

  constructor(options: GatewayOptions) {
    this.#options = options
    this.#gateways = options.urls.map(url => new Gateway(url, options))
  }

  get size(): number {
    return this.#gateways.length
  }

  /** Adds a gateway that was found on the way, unless it is known. */
  add(url: string): void {
    const gateway = new Gateway(url, this.#options)
    if (!this.#gateways.some(({ base }) => base === gateway.base)) this.#gateways.push(gateway)
  }

  /** Ends what is under way. */
  close(): void {
    for (const gateway of this.#gateways) gateway.close()
  }

  /** How many requests failed, and not because the block was not there. */
  get failures(): number {
    return this.#failures
  }

  /** Returns the bytes, which were checked. Throws `not-found` when none has it, else what the last one failed with. */
  async get(cid: CID, options: Waiting = {}): Promise<Uint8Array> {
    let last: unknown
    for (const gateway of this.#gateways.toSorted((a, b) => a.failures - b.failures)) {
      options.signal?.throwIfAborted()
      if (gateway.failures >= FAILURES_MAX) continue
      try {
        const bytes = await gateway.get(cid, options.signal)
        if (bytes !== undefined) return bytes
      } catch (error) {
        options.signal?.throwIfAborted()
        this.#failures += 1
        last = error
      }
    }
    throw last ?? new Failure('not-found', `block ${cid} is at no gateway`, { data: { cid: cid.toString() } })
  }
}

/** Returns the base of a gateway's URL. Throws a `usage` Failure for what is none. */
export function gatewayBase(text: string): string {
  let url: URL
  try {
    url = new URL(text)
  } catch (error) {
    throw invalid(text, error)
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw invalid(text)
  return `${url.origin}${url.pathname.replace(/\/(ipfs\/?)?$/, '')}`
}

function invalid(text: string, cause?: unknown): Failure {
  return new Failure('usage', `invalid URL of a gateway: "${text}"`, {
    hint: 'write it like https://gateway.example',
    cause,
  })
}

class Gateway {
  readonly base: string
  failures = 0
  readonly #options: GatewayOptions
  readonly #cars: GatewayCars
  #takesCars = true
  #busy = 0
  readonly #waiting: (() => void)[] = []

  constructor(url: string, options: GatewayOptions) {
    this.base = gatewayBase(url)
    this.#options = options
    this.#cars = new GatewayCars({
      open: (cid, signal) => this.#openCar(cid, signal),
      check: options.check,
      stallMs: options.requestTimeoutMs,
      onFailure: error => {
        // Whatever is wrong with its CARs: single blocks may be right.
        this.#takesCars = false
        if (error instanceof Failure && error.kind === 'data-mismatch') this.failures += 1
      },
    })
  }

  /** Returns the bytes; undefined when the block is not there. */
  async get(cid: CID, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    const known = await this.#cars.expected(cid, signal)
    if (known !== undefined) return known
    if (cid.code === DAG_PB && this.#takesCars) {
      const bytes = await this.#cars.fetch(cid, signal)
      if (bytes !== undefined) {
        this.failures = 0
        return bytes
      }
    }
    return await this.#getBlock(cid, signal)
  }

  close(): void {
    this.#cars.close()
  }

  async #getBlock(cid: CID, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    await this.#enter(signal)
    try {
      const limit = AbortSignal.timeout(this.#options.requestTimeoutMs)
      const stop = signal === undefined ? limit : AbortSignal.any([signal, limit])
      const bytes = await bodyOf(await this.#request(`${cid}?format=raw`, RAW_TYPE, stop), this.base)
      if (bytes !== undefined) await this.#options.check(cid, bytes)
      this.failures = 0
      return bytes
    } catch (error) {
      if (signal?.aborted !== true) this.failures += 1
      throw failureOf(error, this.base)
    } finally {
      this.#busy -= 1
      this.#waiting.shift()?.()
    }
  }

  /** Returns undefined where a CAR is not to be had: a gateway that has none says so in many ways. */
  async #openCar(cid: CID, signal: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined> {
    const response = await this.#request(`${cid}?${CAR_QUERY}`, `${CAR_TYPE}; version=1; order=dfs; dups=n`, signal)
    const isCar = response.headers.get('content-type')?.startsWith(CAR_TYPE) === true
    if (response.ok && isCar && response.body !== null) return response.body
    await response.body?.cancel()
    const isAbsent = response.status === 404 || response.status === 410
    if (!isAbsent) this.#takesCars = false
    return undefined
  }

  async #enter(signal: AbortSignal | undefined): Promise<void> {
    while (this.#busy >= REQUESTS_MAX) {
      await new Promise<void>(resolve => this.#waiting.push(resolve))
      if (signal?.aborted !== true) continue
      // The turn goes to the next one.
      this.#waiting.shift()?.()
      throw signal.reason
    }
    this.#busy += 1
  }

  async #request(path: string, type: string, signal: AbortSignal): Promise<Response> {
    let url = `${this.base}/ipfs/${path}`
    for (let hop = 0; hop <= REDIRECTS_MAX; hop++) {
      const response = await fetch(url, { headers: { Accept: type }, redirect: 'manual', signal })
      const target = response.status >= 300 && response.status < 400 ? response.headers.get('location') : null
      if (target === null) return response
      await response.body?.cancel()
      const next = new URL(target, url)
      if (next.protocol !== 'http:' && next.protocol !== 'https:') break
      url = next.href
    }
    throw new Failure('network', `${this.base}: too many redirects`)
  }
}

async function bodyOf(response: Response, base: string): Promise<Uint8Array | undefined> {
  if (!response.ok) {
    await response.body?.cancel()
    if (response.status === 404 || response.status === 410) return undefined
    throw new Failure('network', `${base}: the gateway answered ${response.status}`)
  }
  const claimed = Number(response.headers.get('content-length') ?? 0)
  const parts: Uint8Array[] = []
  let length = 0
  if (claimed <= BLOCK_BYTES_MAX && response.body !== null) {
    for await (const part of response.body) {
      length += part.length
      if (length > BLOCK_BYTES_MAX) break
      parts.push(part)
    }
  }
  if (claimed > BLOCK_BYTES_MAX || length > BLOCK_BYTES_MAX) {
    throw new Failure('network', `${base}: the gateway sent more than ${BLOCK_BYTES_MAX} bytes for a block`)
  }
  return parts.length === 1 ? parts[0] : Buffer.concat(parts)
}

function failureOf(error: unknown, base: string): unknown {
  if (error instanceof Failure) return error
  const isTimeout = error instanceof Error && error.name === 'TimeoutError'
  const text = isTimeout ? 'timed out' : requestProblem(error)
  return new Failure(isTimeout ? 'timeout' : 'network', `${base}: ${text}`, { cause: error })
}
