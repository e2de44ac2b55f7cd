import type { IncomingHttpHeaders } from 'node:http'
import { nameFromBytes } from '../contract/surrogate-escape.ts'
import { GatewayError } from './answer.ts'

/** A question that was understood as far as its line and headers go. */
export interface GatewayRequest {
  readonly method: 'GET' | 'HEAD'
  /** The content path, decoded: `/ipfs/<cid>/a b`. */
  readonly path: string
  /** The path of the URL as the client sent it, still escaped; on a subdomain it lacks the root. */
  readonly urlPath: string
  readonly query: URLSearchParams
  /** The query as it was sent, without `?`. */
  readonly rawQuery: string
  readonly headers: IncomingHttpHeaders
  /** The host that the client asked, with its port. */
  readonly host: string
  /** Each root has an origin of its own here (a subdomain, DNSLink): `_redirects` count. */
  readonly isIsolated: boolean
  /** Where other roots are found from here: empty on a path gateway, `//host` elsewhere. */
  readonly gatewayUrl: string
  /** The path is the name of a site, as its DNS record says. */
  readonly isDnsLink: boolean
  /** Answers may be other than what the client can check. */
  readonly deserialized: boolean
}

const FORMATS: Readonly<Record<string, string>> = {
  raw: 'application/vnd.ipld.raw',
  car: 'application/vnd.ipld.car',
  tar: 'application/x-tar',
  json: 'application/json',
  cbor: 'application/cbor',
  'dag-json': 'application/vnd.ipld.dag-json',
  'dag-cbor': 'application/vnd.ipld.dag-cbor',
  'ipns-record': 'application/vnd.ipfs.ipns-record',
}
const ACCEPTED = /^application\/(vnd\.ipld|vnd\.ipfs|x-tar|json|cbor)/
const ACCEPT_LENGTH_MAX = 16 * 1024

/** A format that was asked for. */
export interface Format {
  /** Of `?format=`: `raw`, `car`, …; empty: as a web page or file; undefined: a type that nobody knows. */
  readonly name: string | undefined
  readonly mediaType: string
  readonly params: Readonly<Record<string, string>>
}

/** Splits a request's URL. Throws a GatewayError when its escapes are broken. */
export function splitUrl(url: string): { urlPath: string; path: string; rawQuery: string; query: URLSearchParams } {
  // An absolute URL is what proxies are sent.
  const target = url.replace(/^https?:\/\/[^/?#]*/i, '').replace(/#.*$/s, '')
  const at = target.indexOf('?')
  const urlPath = at < 0 ? target : target.slice(0, at)
  const rawQuery = at < 0 ? '' : target.slice(at + 1)
  return { urlPath, path: decodePath(urlPath), rawQuery, query: new URLSearchParams(rawQuery) }
}

/** Returns the path of a URL without empty, `.` and `..` segments, as the multiplexer of Go's server cleans it. */
export function tidyPath(urlPath: string): string {
  if (!/\/(?:\/|\.{1,2}(?:\/|$))/.test(urlPath)) return urlPath
  const tidy: string[] = []
  for (const segment of urlPath.split('/')) {
    if (segment === '..') tidy.pop()
    else if (segment !== '' && segment !== '.') tidy.push(segment)
  }
  return `/${tidy.join('/')}${urlPath.endsWith('/') && tidy.length > 0 ? '/' : ''}`
}

/** Returns a path with its escapes undone. Bytes that are no UTF-8 are kept as `surrogate-escape.ts` says. */
export function decodePath(urlPath: string): string {
  if (/%(?![0-9a-f]{2})/i.test(urlPath)) throw new GatewayError(400, 'invalid URL escape')
  const latin1 = urlPath.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return nameFromBytes(Buffer.from(latin1, 'latin1'))
}

/** Returns the format that `?format=` or else the `Accept` header asks for. */
export function formatOf(query: URLSearchParams, accept: string | undefined): Format {
  const asked = query.get('format') ?? ''
  const fromQuery = Object.hasOwn(FORMATS, asked) ? FORMATS[asked] : undefined
  const accepted = acceptedType(accept ?? '')
  if (fromQuery !== undefined) {
    return { name: asked, mediaType: fromQuery, params: accepted?.mediaType === fromQuery ? accepted.params : {} }
  }
  if (accepted === undefined) return { name: '', mediaType: '', params: {} }
  const name = Object.keys(FORMATS).find(key => FORMATS[key] === accepted.mediaType)
  return { name, ...accepted }
}

/** Returns the first type in an `Accept` header that is one of ours; browsers send others. */
function acceptedType(accept: string): { mediaType: string; params: Record<string, string> } | undefined {
  for (const value of accept.slice(0, ACCEPT_LENGTH_MAX).split(',')) {
    const [type = '', ...rest] = value.trim().split(';')
    if (!ACCEPTED.test(type)) continue
    const params: Record<string, string> = {}
    for (const part of rest) {
      const match = /^\s*([\w-]+)\s*=\s*"?([^"]*?)"?\s*$/.exec(part)
      if (match === null)
        throw new GatewayError(400, 'error while processing the Accept header: mime: invalid media parameter')
      params[(match[1] ?? '').toLowerCase()] = match[2] ?? ''
    }
    return { mediaType: type.trim().toLowerCase(), params }
  }
  return undefined
}

/** Returns where else the answer to this `Accept` header is found, for caches; undefined when the URL says it all. */
export function contentLocation(request: GatewayRequest, format: Format): string | undefined {
  if (format.mediaType === '') return undefined
  const name = format.name ?? ''
  const asked = request.query.get('format') ?? ''
  if (asked !== '' && asked === name) return undefined
  const query = new URLSearchParams(request.query)
  query.set('format', name)
  for (const [key, value] of Object.entries(format.params)) {
    if (!query.has(`${name}-${key}`)) query.set(`${name}-${key}`, value)
  }
  query.sort()
  return `${request.urlPath}?${query}`
}
