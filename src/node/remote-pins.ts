import { Failure } from '../contract/failure.ts'
import type { Config, ConfigStore, Waiting } from '../repo/roles.ts'
import { fetchBounded } from './fetch-bounded.ts'

/** Remote pinning services: https://ipfs.github.io/pinning-services-api-spec/ */

export const PIN_STATUSES = ['queued', 'pinning', 'pinned', 'failed'] as const
export type PinStatusName = (typeof PIN_STATUSES)[number]

/** A pin as a service describes it. */
export interface RemotePin {
  readonly requestId: string
  readonly status: PinStatusName
  readonly created: string
  readonly cid: string
  readonly name: string
  /** Addresses of peers that will fetch the data. */
  readonly delegates: readonly string[]
}

/** Which pins are meant. */
export interface PinFilter {
  readonly name?: string | undefined
  readonly cids?: readonly string[] | undefined
  readonly statuses?: readonly PinStatusName[] | undefined
}

export interface RemoteService {
  readonly endpoint: string
  readonly key: string
}

const ANSWER_BYTES_MAX = 8 * 1024 * 1024
const REQUEST_TIMEOUT_MS = 60_000
const BATCH = 1_000
const DELEGATES_MAX = 64
const AGENT = 'tsipfs'
const STATUS_TEXT_MAX = 1_000

/** Returns what the config says of a service. Throws `not-found` for one that it does not name. */
export async function findService(config: Pick<ConfigStore, 'read'>, name: string): Promise<RemoteService> {
  if (name === '') throw new Failure('usage', 'remote pinning service name not specified')
  const services = remoteServices(await config.read())
  const service = Object.hasOwn(services, name) ? services[name] : undefined
  const api = recordOf(recordOf(service).API)
  if (service === undefined) {
    throw new Failure('not-found', 'service not known', { hint: 'list them with: tsipfs pin remote service ls' })
  }
  return { endpoint: normalizeEndpoint(String(api.Endpoint ?? '')), key: String(api.Key ?? '') }
}

/** Returns the services of a config, by name. */
export function remoteServices(config: Config): Readonly<Record<string, unknown>> {
  return recordOf(recordOf(config.Pinning).RemoteServices)
}

/** Returns a URL of a service without slashes that mean nothing. Throws `usage` for what is no such URL. */
export function normalizeEndpoint(endpoint: string): string {
  const match = /^(https?):\/\/([^/?#\s]+)(\/[^?#\s]*)?(\?[^#]*)?$/i.exec(endpoint)
  if (match === null) throw new Failure('usage', 'service endpoint must be a valid HTTP URL')
  const [, scheme = '', host = '', path = '', query] = match
  if (query !== undefined && query !== '?') {
    throw new Failure('usage', 'service endpoint should be provided without any query parameters')
  }
  const clean = path.split('/').filter(part => part !== '' && part !== '.')
  if (clean.at(-1) === 'pins') {
    throw new Failure('usage', 'service endpoint should be provided without the /pins suffix')
  }
  return [`${scheme.toLowerCase()}://${host}`, ...clean].join('/')
}

/** A client of one service. */
export class RemotePins {
  readonly #service: RemoteService

  constructor(service: RemoteService) {
    this.#service = service
  }

  /** Asks for a pin. It is queued at least when this returns. */
  async add(
    pin: { readonly cid: string; readonly name?: string | undefined; readonly origins: readonly string[] },
    options: Waiting,
  ): Promise<RemotePin> {
    const body = {
      cid: pin.cid,
      ...(pin.name === undefined || pin.name === '' ? {} : { name: pin.name }),
      ...(pin.origins.length === 0 ? {} : { origins: pin.origins }),
    }
    return readPin(await this.#request('POST', '/pins', options, JSON.stringify(body)))
  }

  /** Returns what has become of a request. */
  async get(requestId: string, options: Waiting): Promise<RemotePin> {
    return readPin(await this.#request('GET', `/pins/${encodeURIComponent(requestId)}`, options))
  }

  /** Yields the pins that match, the newest first, as many at a time as services give. */
  async *list(filter: PinFilter, options: Waiting): AsyncIterable<RemotePin> {
    const seen = new Set<string>()
    let before: string | undefined
    for (;;) {
      const { count, pins } = await this.#batch(filter, { before, limit: BATCH }, options)
      const fresh = pins.filter(pin => !seen.has(pin.requestId))
      yield* fresh
      if (pins.length >= count) return
      if (fresh.length === 0) {
        throw new Failure('network', `invalid pinning service response: PinResults.count=${count} but no new results`)
      }
      // Only those of the last batch can come again: they may be as old as its oldest.
      seen.clear()
      for (const { requestId } of pins) seen.add(requestId)
      before = pins.at(-1)?.created
    }
  }

  /** Returns how many pins have a status. */
  async count(status: PinStatusName, options: Waiting): Promise<number> {
    return (await this.#batch({ statuses: [status] }, { before: undefined, limit: 1 }, options)).count
  }

  async remove(requestId: string, options: Waiting): Promise<void> {
    await this.#request('DELETE', `/pins/${encodeURIComponent(requestId)}`, options)
  }

  async #batch(
    { name, cids = [], statuses = [] }: PinFilter,
    page: { readonly before: string | undefined; readonly limit: number },
    options: Waiting,
  ): Promise<{ readonly count: number; readonly pins: readonly RemotePin[] }> {
    const query = new URLSearchParams()
    if (page.before !== undefined) query.set('before', page.before)
    if (cids.length > 0) query.set('cid', cids.join(','))
    query.set('limit', String(page.limit))
    if (name !== undefined && name !== '') query.set('name', name)
    if (statuses.length > 0) query.set('status', statuses.join(','))
    const answer = recordOf(await this.#request('GET', `/pins?${query}`, options))
    const results = answer.results ?? []
    if (!Array.isArray(results) || results.length > BATCH || typeof answer.count !== 'number') throw badAnswer()
    return { count: answer.count, pins: results.map(readPin) }
  }

  async #request(method: 'GET' | 'POST' | 'DELETE', path: string, options: Waiting, body?: string): Promise<unknown> {
    const { endpoint, key } = this.#service
    const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS)
    const answer = await fetchBounded(`${endpoint}${path}`, {
      method,
      headers: {
        Accept: 'application/json',
        Authorization: `Bearer ${key}`,
        'User-Agent': AGENT,
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      body: body === undefined ? undefined : new TextEncoder().encode(body),
      // The key is for this service alone.
      redirect: 'error',
      bytesMax: ANSWER_BYTES_MAX,
      signal: options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]),
    })
    const value = parsed(answer.bytes)
    if (answer.status < 200 || answer.status > 299) throw refused(answer.status, value)
    return value
  }
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined // Whoever wanted something of it misses it.
  }
}

function refused(status: number, value: unknown): Failure {
  const error = recordOf(recordOf(value).error)
  const reason = typeof error.reason === 'string' ? error.reason : undefined
  const details = typeof error.details === 'string' ? error.details : ''
  const text =
    reason === undefined
      ? `remote pinning service returned http error ${status}`
      : `reason: ${JSON.stringify(reason)}, details: ${JSON.stringify(details)}: http error ${status}`
  const hint = status === 401 || status === 403 ? 'is the key of the service right?' : undefined
  return new Failure(status === 404 ? 'not-found' : 'network', text.slice(0, STATUS_TEXT_MAX), { hint })
}

function readPin(value: unknown): RemotePin {
  const { requestid, status, created, pin, delegates } = recordOf(value)
  const { cid, name } = recordOf(pin)
  const known = PIN_STATUSES.find(one => one === status)
  if (typeof requestid !== 'string' || known === undefined || typeof cid !== 'string') throw badAnswer()
  return {
    requestId: requestid,
    status: known,
    created: typeof created === 'string' ? created : '',
    cid,
    name: typeof name === 'string' ? name : '',
    delegates: (Array.isArray(delegates) ? delegates : [])
      .slice(0, DELEGATES_MAX)
      .filter(address => typeof address === 'string'),
  }
}

function badAnswer(): Failure {
  return new Failure('network', 'invalid pinning service response')
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}
