import { Failure } from '../contract/failure.ts'
import { decodeQuotedPrintable } from './quoted-printable.ts'

/** One part of a multipart body. */
export interface Part {
  /** Header values by name in lower case. */
  readonly headers: ReadonlyMap<string, string>
  /** The bytes of the part. May be called once, and before the next part is asked for. */
  content(): AsyncIterable<Uint8Array>
}

/** Bytes of headers that one part may have. */
export const PART_HEADER_BYTES_MAX = 64 * 1024
/** Bytes that may stand before the first part. */
const PREAMBLE_BYTES_MAX = 64 * 1024
const BOUNDARY_CHARACTERS_MAX = 200

const CRLF = Buffer.from('\r\n')
const HEADERS_END = Buffer.from('\r\n\r\n')

/** Returns the boundary of a `multipart/form-data` content type; undefined for another type. Throws a `usage` Failure. */
export function boundaryOf(contentType: string | undefined): string | undefined {
  if (contentType === undefined || !/^\s*multipart\/form-data\s*(;|$)/i.test(contentType)) return undefined
  const match = /;\s*boundary=(?:"([^"]*)"|([^\s;]+))/i.exec(contentType)
  const boundary = match?.[1] ?? match?.[2] ?? ''
  if (boundary === '' || boundary.length > BOUNDARY_CHARACTERS_MAX || !/^[\x20-\x7e]+$/.test(boundary)) {
    throw new Failure('usage', 'no multipart boundary param in Content-Type')
  }
  return boundary
}

/**
 * Yields the parts of a multipart body as it arrives; nothing of a part's content is kept. What the caller leaves
 * unread is skipped. Throws a `usage` Failure for a body that is malformed, or ends before its last boundary.
 */
export async function* parseMultipart(body: AsyncIterable<Uint8Array>, boundary: string): AsyncGenerator<Part> {
  const input = new BoundedInput(body, Buffer.from(`\r\n--${boundary}`, 'latin1'))
  try {
    await input.skipPreamble()
    while (await input.atNextPart()) {
      const headers = parseHeaders(await input.headerBlock())
      const content = input.untilDelimiter(Number.POSITIVE_INFINITY)
      yield partOf(headers, content)
      for await (const _ of content) {
        // The caller did not want the rest.
      }
    }
  } finally {
    await input.close()
  }
}

/**
 * Returns the parts of a body that is all there, when it is written as clients write it: nothing before its first
 * boundary, no blanks behind one. Else undefined: `parseMultipart` knows what to make of it, or what is wrong.
 */
export function partsOfWhole(body: Buffer, boundary: string): Part[] | undefined {
  const delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1')
  const parts: Part[] = []
  const first = delimiter.subarray(CRLF.length)
  if (!body.subarray(0, first.length).equals(first)) return undefined
  for (let at = first.length; ; ) {
    if (body[at] === 0x2d && body[at + 1] === 0x2d) return parts
    const start = at + CRLF.length
    const end = body.indexOf(HEADERS_END, start)
    if (body[at] !== 0x0d || body[at + 1] !== 0x0a || end < 0) return undefined
    const from = end + HEADERS_END.length
    const to = body.indexOf(delimiter, from)
    // An empty part may have its boundary right behind its headers.
    if (to < 0 || body.indexOf(delimiter, start) < to) return undefined
    parts.push(partOf(parseHeaders(body.toString('utf8', start, end)), oneChunk(body.subarray(from, to))))
    at = to + delimiter.length
  }
}

/** A part whose bytes were made fit for mail (RFC 2045) is read as what they stand for. */
function partOf(headers: ReadonlyMap<string, string>, content: AsyncIterable<Uint8Array>): Part {
  const isQuoted = headers.get('content-transfer-encoding')?.toLowerCase() === 'quoted-printable'
  const read = isQuoted ? decodeQuotedPrintable(content) : content
  return { headers, content: () => read }
}

/** Yields bytes as one chunk; none when there are none. */
export async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes
}

/** A body with a little of it in hand: what was received and not yet given out. */
class BoundedInput {
  readonly #chunks: AsyncIterator<Uint8Array>
  readonly #delimiter: Buffer
  // The first boundary has no line before it; with this, it is found as all others are.
  #buffer: Buffer = CRLF
  #isInContent = true

  constructor(body: AsyncIterable<Uint8Array>, delimiter: Buffer) {
    this.#chunks = body[Symbol.asyncIterator]()
    this.#delimiter = delimiter
  }

  async close(): Promise<void> {
    await this.#chunks.return?.()
  }

  async skipPreamble(): Promise<void> {
    await this.#more()
    // Mostly there is none.
    if (this.#buffer.subarray(0, this.#delimiter.length).equals(this.#delimiter)) {
      this.#buffer = this.#buffer.subarray(this.#delimiter.length)
      this.#isInContent = false
      return
    }
    for await (const _ of this.untilDelimiter(PREAMBLE_BYTES_MAX)) {
      // What stands before the first boundary means nothing.
    }
  }

  /** Returns false when the delimiter that was just read is the last one. */
  async atNextPart(): Promise<boolean> {
    if (this.#buffer.length < 2) await this.#have(2)
    if (this.#buffer[0] === 0x2d && this.#buffer[1] === 0x2d) return false
    let spaces = 0
    while (this.#buffer[spaces] === 0x20 || this.#buffer[spaces] === 0x09) {
      spaces += 1
      if (spaces > PART_HEADER_BYTES_MAX) throw malformed('blanks after a boundary')
      await this.#have(spaces + 2)
    }
    if (this.#buffer[spaces] !== 0x0d || this.#buffer[spaces + 1] !== 0x0a)
      throw malformed('no line end after a boundary')
    this.#buffer = this.#buffer.subarray(spaces + 2)
    return true
  }

  async headerBlock(): Promise<string> {
    for (;;) {
      if (this.#buffer.length < 2) await this.#have(2)
      if (this.#buffer[0] === 0x0d && this.#buffer[1] === 0x0a) return await this.#take(0, 2)
      const end = this.#buffer.indexOf(HEADERS_END)
      if (end > PART_HEADER_BYTES_MAX) break
      if (end >= 0) return await this.#take(end, HEADERS_END.length)
      if (this.#buffer.length > PART_HEADER_BYTES_MAX) break
      await this.#more()
    }
    throw malformed(`the headers of a part are larger than ${PART_HEADER_BYTES_MAX} bytes`)
  }

  async #take(length: number, separator: number): Promise<string> {
    const text = this.#buffer.toString('utf8', 0, length)
    this.#buffer = this.#buffer.subarray(length + separator)
    this.#isInContent = true
    // Some writers put the boundary right behind the headers of an empty part.
    const dashes = this.#delimiter.subarray(CRLF.length)
    while (this.#buffer.length < dashes.length && dashes.subarray(0, this.#buffer.length).equals(this.#buffer)) {
      await this.#more()
    }
    if (this.#buffer.subarray(0, dashes.length).equals(dashes)) {
      this.#buffer = this.#buffer.subarray(dashes.length)
      this.#isInContent = false
    }
    return text
  }

  /** Yields what comes before the next delimiter, which is consumed. Ends at once when it was read already. */
  async *untilDelimiter(bytesMax: number): AsyncGenerator<Uint8Array> {
    let left = bytesMax
    while (this.#isInContent) {
      const at = this.#buffer.indexOf(this.#delimiter)
      const safe = at >= 0 ? at : this.#buffer.length - partialMatch(this.#buffer, this.#delimiter)
      left -= safe
      if (left < 0) throw malformed('no boundary where one was expected')
      const bytes = this.#buffer.subarray(0, safe)
      this.#buffer = this.#buffer.subarray(at >= 0 ? at + this.#delimiter.length : safe)
      this.#isInContent = at < 0
      if (bytes.length > 0) yield bytes
      if (at < 0) await this.#more()
    }
  }

  async #have(length: number): Promise<void> {
    while (this.#buffer.length < length) await this.#more()
  }

  async #more(): Promise<void> {
    const { done, value } = await this.#chunks.next()
    if (done === true) throw malformed('the upload ended before its last boundary')
    const chunk = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk])
  }
}

/** Returns how many bytes at the end of the buffer may be the beginning of the delimiter. */
function partialMatch(buffer: Buffer, delimiter: Buffer): number {
  const from = Math.max(0, buffer.length - delimiter.length + 1)
  for (let at = buffer.indexOf(0x0d, from); at >= 0; at = buffer.indexOf(0x0d, at + 1)) {
    const length = buffer.length - at
    if (buffer.compare(delimiter, 0, length, at) === 0) return length
  }
  return 0
}

function parseHeaders(block: string): Map<string, string> {
  const headers = new Map<string, string>()
  // A line that begins with a blank goes on with the one before (RFC 822).
  for (const line of block.replace(/\r\n[ \t]+/g, ' ').split('\r\n')) {
    const colon = line.indexOf(':')
    if (line === '') continue
    if (colon < 1) throw malformed('a header of a part has no colon')
    headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim())
  }
  return headers
}

function malformed(what: string): Failure {
  return new Failure('usage', `malformed multipart body: ${what}`)
}
