import type { ServerResponse } from 'node:http'
import type { Output, OutputKind } from '../contract/command.ts'
import type { Failure } from '../contract/failure.ts'
import { answerRecord, failureToTrailers } from './failures.ts'
import { FAILURE_AS_LINE, HEADER, toLine } from './wire.ts'

/** Bytes of records that are gathered before they are written, when they come faster than they are sent. */
const BATCH_BYTES = 64 * 1024
/** Who has sent nothing for so long is at rest. */
const REST_MS = 1

export interface ReplyOptions {
  readonly kind: OutputKind
  readonly headers: Readonly<Record<string, string>>
  /** The media type of results that are no records. */
  readonly type: string
  /** Text is wanted in place of records (`encoding=text`). */
  readonly isText: boolean
}

const TEXT = 'text/plain'
const JSON_LINES = 'application/json'

/**
 * The answer to one call. Headers go out with the first result, so that a failure before it has a status of its own;
 * later ones travel as a trailer. Nothing is kept for a reader that is slow: `send` waits for it.
 */
export class Reply {
  readonly #response: ServerResponse
  readonly #kind: OutputKind
  readonly #headers: Readonly<Record<string, string>>
  readonly #type: string
  readonly #isText: boolean
  #batch = ''
  #flushing: NodeJS.Immediate | undefined
  #lengthBytes: number | undefined
  #wroteAt = 0

  constructor(response: ServerResponse, options: ReplyOptions) {
    this.#response = response
    this.#kind = options.kind
    this.#headers = options.headers
    this.#type = options.type
    this.#isText = options.isText
  }

  /** Announces how many bytes will follow. Too late once the headers are out. */
  length(bytes: number): void {
    this.#lengthBytes = bytes
  }

  /** Sends the headers now. */
  begin(): void {
    if (this.#response.headersSent || this.#response.destroyed) return
    this.#writeHead(this.#kind === 'bytes')
    this.#response.flushHeaders()
  }

  /** Sends one result. Resolves when there is room for the next; never, once the client is gone: its signal ends the call. */
  async send(output: Output): Promise<void> {
    const isBytes = output instanceof Uint8Array
    if (!this.#response.headersSent) this.#writeHead(isBytes)
    if (isBytes) return await this.#write(output)
    this.#batch += toLine(output)
    if (this.#batch.length >= BATCH_BYTES) return await this.#flush()
    // Results that come at once share a write; one that comes after a rest is likely alone, and goes out now.
    if (this.#flushing === undefined && performance.now() - this.#wroteAt > REST_MS) this.#writeBatch()
    this.#flushing ??= setImmediate(() => {
      this.#flushing = undefined
      this.#writeBatch()
    })
  }

  /** Sends text as it is (`encoding=text`). */
  async sendText(text: string | Uint8Array): Promise<void> {
    if (!this.#response.headersSent) this.#writeHead(this.#kind === 'bytes', 200, TEXT)
    await this.#write(text)
  }

  /** Ends the answer. */
  end(failure?: Failure): void {
    const response = this.#response
    if (response.destroyed) return
    // While the client still sends, the connection stays open for a moment (`linger`): closing it would reset it, and
    // the answer could be lost.
    if (!response.headersSent && !response.req.complete) response.shouldKeepAlive = true
    if (failure !== undefined && !response.headersSent) {
      this.#writeHead(false, failure.badRequest ? 400 : 500, this.#isText ? TEXT : JSON_LINES)
      response.end(this.#isText ? failure.message : toLine(answerRecord(failure)))
      return
    }
    if (!response.headersSent) this.#writeHead(this.#kind === 'bytes', 200, this.#isText ? TEXT : undefined)
    this.#writeBatch()
    // HTTP/1.0 has no trailers: a connection that is cut is at least no success.
    if (failure !== undefined && response.req.httpVersion === '1.0') return void response.destroy()
    if (failure !== undefined && this.#wantsLine()) response.write(toLine(answerRecord(failure)))
    else if (failure !== undefined) {
      const trailers = failureToTrailers(failure)
      response.addTrailers({ [HEADER.error]: trailers.error, [HEADER.failure]: trailers.failure })
    }
    response.end()
  }

  #wantsLine(): boolean {
    return this.#kind === 'value' && this.#response.req.headers[HEADER.failure.toLowerCase()] === FAILURE_AS_LINE
  }

  #writeHead(isBytes: boolean, status = 200, type = isBytes ? this.#type : JSON_LINES): void {
    const headers: Record<string, string> = { ...this.#headers, 'Content-Type': type }
    // HTTP/1.0 has no trailers, and the runtime throws at one that is announced.
    if (this.#response.req.httpVersion !== '1.0') headers.Trailer = HEADER.error
    if (status === 200) {
      if (isBytes) headers[HEADER.stream] = '1'
      else if (this.#kind !== 'value') headers[HEADER.chunked] = '1'
      if (isBytes && this.#lengthBytes !== undefined) headers[HEADER.length] = String(this.#lengthBytes)
    }
    this.#response.writeHead(status, headers)
  }

  #writeBatch(): boolean {
    if (this.#flushing !== undefined) clearImmediate(this.#flushing)
    this.#flushing = undefined
    const text = this.#batch
    this.#batch = ''
    if (text === '' || this.#response.destroyed) return true
    this.#wroteAt = performance.now()
    return this.#response.write(text)
  }

  async #flush(): Promise<void> {
    if (!this.#writeBatch()) await this.#drained()
  }

  async #write(chunk: string | Uint8Array): Promise<void> {
    if (chunk.length === 0 || this.#response.destroyed) return
    if (!this.#response.write(chunk)) await this.#drained()
  }

  #drained(): Promise<void> {
    const response = this.#response
    if (response.destroyed) return Promise.resolve()
    return new Promise(resolve => {
      const finish = (): void => {
        response.off('drain', finish)
        response.off('close', finish)
        resolve()
      }
      response.once('drain', finish)
      response.once('close', finish)
    })
  }
}
