/** The bytes of a status line and headers. */
const HEAD_BYTES_MAX = 256 * 1024
/** A line that says how long a chunk is. */
const SIZE_LINE_BYTES_MAX = 1024
const LINE_END = '\r\n'

/** What a server answered. */
export interface HttpAnswer {
  readonly status: number
  readonly body: string
}

/**
 * Reads one answer of HTTP/1.1 (https://www.rfc-editor.org/rfc/rfc9112) as its bytes come in: with a length, in chunks, or up
 * to the end of the connection. Trailers are not looked at.
 */
export class HttpAnswerReader {
  #rest: Buffer = Buffer.alloc(0)
  #status = 0
  /** Bytes that the body, or the chunk with the line end behind it, has still to come. */
  #left = 0
  #state: 'head' | 'length' | 'size' | 'chunk' | 'rest' | 'done' = 'head'
  readonly #body: Buffer[] = []

  /** Takes what came in. Returns the answer when it is complete. Throws when it is none. */
  push(bytes: Uint8Array): HttpAnswer | undefined {
    this.#rest = this.#rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes])
    while (this.#step());
    return this.#state === 'done' ? this.#answer() : undefined
  }

  /** Says that nothing more comes. Returns the answer when it ends with that. */
  end(): HttpAnswer | undefined {
    return this.#state === 'rest' ? this.#answer() : undefined
  }

  #answer(): HttpAnswer {
    return { status: this.#status, body: Buffer.concat(this.#body).toString('utf8') }
  }

  /** Returns true when there may be more to do with what is there. */
  #step(): boolean {
    if (this.#state === 'head') return this.#head()
    if (this.#state === 'size') return this.#size()
    if (this.#state === 'done' || this.#rest.length === 0) return false
    const some = this.#state === 'rest' ? this.#rest.length : Math.min(this.#left, this.#rest.length)
    this.#left -= some
    // The line end behind a chunk is no part of it.
    const behind = this.#state === 'chunk' ? Math.max(0, LINE_END.length - this.#left) : 0
    if (some > behind) this.#body.push(this.#rest.subarray(0, some - behind))
    this.#rest = this.#rest.subarray(some)
    if (this.#state !== 'rest' && this.#left === 0) this.#state = this.#state === 'chunk' ? 'size' : 'done'
    return true
  }

  #head(): boolean {
    const end = this.#rest.indexOf(`${LINE_END}${LINE_END}`)
    if (end < 0) {
      if (this.#rest.length > HEAD_BYTES_MAX) throw new Error('an answer with too many headers')
      return false
    }
    const [first = '', ...lines] = this.#rest.toString('latin1', 0, end).split(LINE_END)
    this.#rest = this.#rest.subarray(end + 2 * LINE_END.length)
    const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first)?.[1]
    if (status === undefined) throw new Error('no answer of HTTP/1.1')
    this.#status = Number(status)
    // What was said on the way to the answer.
    if (this.#status < 200) return true
    const headerOf = (name: string): string | undefined =>
      lines
        .find(line => line.toLowerCase().startsWith(`${name}:`))
        ?.slice(name.length + 1)
        .trim()
    const length = headerOf('content-length')
    if (this.#status === 204 || this.#status === 304) this.#state = 'done'
    else if (headerOf('transfer-encoding')?.toLowerCase().endsWith('chunked') === true) this.#state = 'size'
    else if (length === undefined) this.#state = 'rest'
    else {
      if (!/^\d{1,15}$/.test(length)) throw new Error('an answer of no length')
      this.#left = Number(length)
      this.#state = this.#left === 0 ? 'done' : 'length'
    }
    return true
  }

  #size(): boolean {
    const end = this.#rest.indexOf(LINE_END)
    if (end < 0) {
      if (this.#rest.length > SIZE_LINE_BYTES_MAX) throw new Error('a chunk of no size')
      return false
    }
    const size = /^([0-9a-fA-F]{1,12})[ \t]*(?:;|$)/.exec(this.#rest.toString('latin1', 0, end))?.[1]
    if (size === undefined) throw new Error('a chunk of no size')
    this.#rest = this.#rest.subarray(end + LINE_END.length)
    const bytes = Number.parseInt(size, 16)
    this.#left = bytes + LINE_END.length
    this.#state = bytes === 0 ? 'done' : 'chunk'
    return true
  }
}
