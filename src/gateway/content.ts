import type { Answer } from './answer.ts'
import { GatewayError, textAnswer } from './answer.ts'
import { admitsTag, matchesTag, parseRanges, rangeIn, secondOf } from './conditions.ts'
import type { GatewayRequest } from './request.ts'

/** Bytes of known length that can be read from anywhere. */
export interface Content {
  readonly size: number
  /** With `Etag`, where there is one. */
  readonly headers: Readonly<Record<string, string>>
  /** In seconds since 1970; undefined: not known. */
  readonly mtime?: number | undefined
  read(start: number, length: number): AsyncIterable<Uint8Array> | Uint8Array
}

/** Answers with bytes, or with the range of them that was asked for, or with why not. */
export function contentAnswer(request: GatewayRequest, content: Content): Answer {
  const { mtime, size } = content
  const headers: Record<string, string> = { ...content.headers }
  if (mtime !== undefined && mtime > 0) headers['Last-Modified'] = new Date(mtime * 1000).toUTCString()
  const failed = precondition(request, headers.Etag, mtime)
  if (failed === 412) return { status: 412, headers: { ...headers, 'Content-Type': 'text/plain; charset=utf-8' } }
  if (failed === 304) return notModified(headers)
  const { range } = request.headers
  const asked = range === undefined || !isCurrent(request, headers.Etag, mtime) ? [] : parseRanges(range)
  const found = asked === undefined ? 'none' : rangeIn(asked, size)
  if (found === 'none') {
    const text = asked === undefined ? 'invalid range' : 'invalid range: failed to overlap'
    return textAnswer(416, text, { ...headers, 'Content-Range': `bytes */${size}` })
  }
  headers['Accept-Ranges'] = 'bytes'
  const { start, length } = found === 'whole' ? { start: 0, length: size } : found
  headers['Content-Length'] = String(length)
  if (found !== 'whole') headers['Content-Range'] = `bytes ${start}-${start + length - 1}/${size}`
  const body = request.method === 'HEAD' || length === 0 ? undefined : content.read(start, length)
  return { status: found === 'whole' ? 200 : 206, headers, body }
}

/** Returns the part of a file with which the answer begins, so that its type can be told. Throws 400 for a malformed one. */
export function checkRange(request: GatewayRequest): { readonly startsAtZero: boolean } {
  const { range } = request.headers
  if (range === undefined || request.method === 'HEAD') return { startsAtZero: true }
  const asked = parseRanges(range)
  if (asked === undefined) throw new GatewayError(400, 'invalid range request: invalid range')
  return { startsAtZero: asked.length === 0 || asked[0]?.from === 0 }
}

/** The client has it already. */
export function notModified(headers: Readonly<Record<string, string>>): Answer {
  const kept = Object.entries(headers).filter(
    ([name]) => !/^content-|^accept-ranges$/i.test(name) && (name !== 'Last-Modified' || headers.Etag === undefined),
  )
  return { status: 304, headers: Object.fromEntries(kept) }
}

function precondition({ headers }: GatewayRequest, etag = '', mtime?: number): 304 | 412 | undefined {
  const match = headers['if-match']
  const unmodified = secondOf(headers['if-unmodified-since'])
  if (match !== undefined) {
    if (!admitsTag(match, etag)) return 412
  } else if (unmodified !== undefined && mtime !== undefined && mtime > unmodified) return 412
  const noneMatch = headers['if-none-match']
  if (noneMatch !== undefined) return matchesTag(noneMatch, etag) ? 304 : undefined
  const modified = secondOf(headers['if-modified-since'])
  return modified !== undefined && mtime !== undefined && mtime > 0 && mtime <= modified ? 304 : undefined
}

/** `If-Range`: a range of another version is of no use. */
function isCurrent({ headers }: GatewayRequest, etag = '', mtime?: number): boolean {
  const header = headers['if-range']
  if (typeof header !== 'string' || header === '') return true
  if (/^(W\/)?"/.test(header)) return admitsTag(header, etag)
  return mtime !== undefined && secondOf(header) === mtime
}
