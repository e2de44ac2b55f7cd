/** A remote pinning service for tests, which answers as the specification says. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What clients have to know. */
export const KEY = 'secret-key-of-the-test'

interface Stored {
  readonly requestid: string
  status: string
  readonly created: string
  readonly pin: { readonly cid: string; readonly name?: string; readonly origins?: readonly string[] }
  readonly delegates: readonly string[]
}

/** A pinning service: https://ipfs.github.io/pinning-services-api-spec/ */
export class Service implements AsyncDisposable {
  readonly pins: Stored[] = []
  /** What it was asked, as `GET /pins?…`. */
  readonly asked: string[] = []
  /** At most so many results in an answer. */
  batch = 10
  /** How often the status of a pin is asked before it is pinned. */
  polls = 1
  fate = 'pinned'
  readonly #server = createServer((request, response) => void this.#answer(request, response))

  async open(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/api//v1/`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    this.asked.push(`${request.method} ${request.url}`)
    const send = (status: number, value?: unknown): void => {
      response.writeHead(status, { 'Content-Type': 'application/json' })
      response.end(value === undefined ? undefined : JSON.stringify(value))
    }
    const url = new URL(request.url ?? '', 'http://service')
    const id = /^\/api\/v1\/pins(?:\/([^/]+))?$/.exec(url.pathname)
    if (request.headers.authorization !== `Bearer ${KEY}`) {
      return send(401, { error: { reason: 'UNAUTHORIZED', details: 'wrong "token"' } })
    }
    if (id === null) return send(404, { error: { reason: 'NOT_FOUND' } })
    if (request.method === 'POST') return send(202, this.#add(JSON.parse(Buffer.concat(chunks).toString())))
    if (id[1] === undefined) return send(200, this.#list(url.searchParams))
    const found = this.pins.findIndex(pin => pin.requestid === id[1])
    const pin = this.pins[found]
    if (pin === undefined) return send(404, { error: { reason: 'NOT_FOUND', details: `no ${id[1]}` } })
    if (request.method === 'DELETE') {
      this.pins.splice(found, 1)
      return send(202)
    }
    if (pin.status === 'queued' && this.polls-- <= 0) pin.status = this.fate
    send(200, pin)
  }

  #add(pin: Stored['pin']): Stored {
    const nth = this.pins.length
    const created = new Date(Date.UTC(2026, 0, 1) + nth * 1000).toISOString()
    const stored = { requestid: `request ${nth}`, status: 'queued', created, pin, delegates: [] }
    const kept = { ...stored, requestid: `request-${nth}` }
    this.pins.push(kept)
    return kept
  }

  #list(query: URLSearchParams): { count: number; results: Stored[] } {
    const list = (key: string): string[] | undefined => query.get(key)?.split(',')
    const matching = this.pins
      .filter(({ created }) => query.get('before') === null || created < (query.get('before') ?? ''))
      .filter(({ pin }) => list('cid')?.includes(pin.cid) ?? true)
      .filter(({ pin }) => query.get('name') === null || pin.name === query.get('name'))
      .filter(({ status }) => (list('status') ?? ['pinned']).includes(status))
      .reverse()
    return { count: matching.length, results: matching.slice(0, Math.min(this.batch, Number(query.get('limit')))) }
  }
}
