import type { CID } from 'multiformats/cid'
import { Failure } from '../../contract/failure.ts'
import { isObject } from '../../repo/config-values.ts'
import type { Waiting } from '../../repo/roles.ts'
import { fetchBounded, requestBounded } from '../fetch-bounded.ts'
import { formatName, nameOrNothing } from '../ipns/name.ts'
import { RECORD_BYTES_MAX } from '../ipns/record.ts'
import { BASE58BTC } from '../multibase.ts'
import type { PeerAddresses } from './network.ts'

/** What a server may be asked for. A URL that ends in one of these paths is asked for that alone. */
type Capability = 'providers' | 'peers' | 'ipns'

const PREFIX = '/routing/v1'
const REQUEST_TIMEOUT_MS = 15_000
const ANSWER_BYTES_MAX = 4 * 1024 * 1024
const LINE_LENGTH_MAX = 64 * 1024
const PEERS_MAX = 500
const ADDRESSES_MAX = 64
const ADDRESS_LENGTH_MAX = 512
const RECORD_TYPE = 'application/vnd.ipfs.ipns-record'
const LINES_TYPE = 'application/x-ndjson'

/** Asks an HTTP server for providers, peers and IPNS records. https://specs.ipfs.tech/routing/http-routing-v1/ */
export class DelegatedRouter {
  readonly url: string
  readonly #only: Capability | undefined

  /** `url` is the server's, with or without `/routing/v1` or one of its paths. Throws `failed` for what is no URL. */
  constructor(url: string) {
    let parsed: URL
    try {
      parsed = new URL(url)
    } catch (error) {
      throw new Failure('failed', `invalid URL of a delegated router: ${JSON.stringify(url)}`, { cause: error })
    }
    const path = parsed.pathname.replace(/\/+$/, '')
    const match = /^(.*)\/routing\/v1(?:\/(providers|peers|ipns))?$/.exec(path)
    this.url = parsed.origin + (match?.[1] ?? path)
    this.#only = match?.[2] as Capability | undefined
  }

  can(capability: Capability): boolean {
    return this.#only === undefined || this.#only === capability
  }

  /** Yields providers as they arrive. An answer that is none, or none of a size, ends it. Throws `network`. */
  async *findProviders(cid: CID, options: Waiting = {}): AsyncIterable<PeerAddresses> {
    if (!this.can('providers')) return
    yield* this.#peers(`/providers/${cid.toV1()}?filter-protocols=unknown,transport-bitswap`, 'Providers', options)
  }

  /** Returns a peer's addresses; undefined when the server does not know it. */
  async findPeer(peer: Uint8Array, options: Waiting = {}): Promise<PeerAddresses | undefined> {
    if (!this.can('peers')) return undefined
    for await (const found of this.#peers(`/peers/${formatName(peer)}`, 'Peers', options)) return found
    return undefined
  }

  /** Returns the record of a name, unchecked; undefined when the server has none. */
  async getRecord(name: Uint8Array, options: Waiting = {}): Promise<Uint8Array | undefined> {
    if (!this.can('ipns')) return undefined
    const answer = await fetchBounded(`${this.url}${PREFIX}/ipns/${formatName(name)}`, {
      headers: { accept: RECORD_TYPE },
      bytesMax: RECORD_BYTES_MAX,
      signal: limited(options.signal),
    })
    return answer.status === 200 && answer.bytes.length > 0 ? answer.bytes : undefined
  }

  /** Stores a record of a name. Throws `network` unless the server took it. */
  async putRecord(name: Uint8Array, record: Uint8Array, options: Waiting = {}): Promise<void> {
    if (!this.can('ipns')) throw new Failure('network', `${this.url} takes no records`)
    const url = `${this.url}${PREFIX}/ipns/${formatName(name)}`
    const answer = await fetchBounded(url, {
      method: 'PUT',
      headers: { 'content-type': RECORD_TYPE },
      body: record,
      bytesMax: ANSWER_BYTES_MAX,
      signal: limited(options.signal),
    })
    if (answer.status < 200 || answer.status > 299) throw new Failure('network', `${url}: answered ${answer.status}`)
  }

  async *#peers(path: string, field: 'Providers' | 'Peers', options: Waiting): AsyncIterable<PeerAddresses> {
    const url = this.url + PREFIX + path
    const answer = await requestBounded(url, {
      headers: { accept: `${LINES_TYPE}, application/json` },
      bytesMax: ANSWER_BYTES_MAX,
      signal: limited(options.signal),
    })
    // Servers that know nothing answer so, too.
    if (answer.status === 404) return
    if (answer.status !== 200) throw new Failure('network', `${url}: answered ${answer.status}`)
    const records = answer.mediaType === LINES_TYPE ? lines(answer.body()) : list(answer.body(), field)
    let count = 0
    for await (const record of records) {
      const peer = readPeer(record)
      if (peer === undefined) continue
      yield peer
      count += 1
      if (count >= PEERS_MAX) return
    }
  }
}

function limited(signal: AbortSignal | undefined): AbortSignal {
  const limit = AbortSignal.timeout(REQUEST_TIMEOUT_MS)
  return signal === undefined ? limit : AbortSignal.any([signal, limit])
}

/** Yields the values of NDJSON. A line that is too long, or no JSON, ends it. */
async function* lines(body: AsyncIterable<Uint8Array>): AsyncIterable<unknown> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const piece of body) {
    text += decoder.decode(piece, { stream: true })
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      const line = text.slice(0, end).trim()
      text = text.slice(end + 1)
      if (line !== '') yield parse(line)
    }
    if (text.length > LINE_LENGTH_MAX) throw new Failure('network', 'a line of a delegated router is too long')
  }
  if (text.trim() !== '') yield parse(text)
}

/** Yields the values in a field of one JSON object. */
async function* list(body: AsyncIterable<Uint8Array>, field: string): AsyncIterable<unknown> {
  const pieces: Uint8Array[] = []
  for await (const piece of body) pieces.push(piece)
  const answer = parse(new TextDecoder().decode(Buffer.concat(pieces)))
  const values = isObject(answer) ? answer[field] : undefined
  if (Array.isArray(values)) yield* values
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Failure('network', 'a delegated router answered with no JSON', { cause: error })
  }
}

/** Returns the peer of a record; undefined for records of other kinds and what is malformed. */
function readPeer(record: unknown): PeerAddresses | undefined {
  if (!isObject(record) || typeof record.ID !== 'string') return undefined
  if (record.Schema !== 'peer' && record.Schema !== 'bitswap') return undefined
  const id = nameOrNothing(record.ID)
  if (id === undefined) return undefined
  const given: readonly unknown[] = Array.isArray(record.Addrs) ? record.Addrs : []
  const addresses = given
    .slice(0, ADDRESSES_MAX)
    .filter(each => typeof each === 'string')
    .filter(each => each.startsWith('/') && each.length <= ADDRESS_LENGTH_MAX)
  return { peer: BASE58BTC.encode(id), addresses }
}
