import type { ServerResponse } from 'node:http'

/**
 * The time that an answer has: until its first byte, from byte to byte, and as a whole. It ends with the client's
 * connection too. What is already on its way when time is up is cut off, so that no client takes it for whole.
 */
export class Deadline implements Disposable {
  readonly signal: AbortSignal
  readonly #stop = new AbortController()
  readonly #timer: NodeJS.Timeout | undefined
  readonly #response: ServerResponse
  readonly #leave = (): void => this.#stop.abort(new DOMException('the client went away', 'AbortError'))
  readonly #cut = (): void => {
    if (this.#response.headersSent) this.#response.destroy()
  }

  constructor(
    response: ServerResponse,
    parent: AbortSignal,
    limits: { readonly retrievalTimeoutMs: number; readonly requestMsMax: number },
  ) {
    this.#response = response
    this.signal = AbortSignal.any([parent, this.#stop.signal, AbortSignal.timeout(limits.requestMsMax)])
    this.signal.addEventListener('abort', this.#cut)
    response.once('close', this.#leave)
    const late = (): void => this.#stop.abort(new DOMException('nothing came in time', 'TimeoutError'))
    if (limits.retrievalTimeoutMs > 0) this.#timer = setTimeout(late, limits.retrievalTimeoutMs).unref()
  }

  /** Bytes went out: the next ones have their time anew. */
  progress(): void {
    this.#timer?.refresh()
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.signal.removeEventListener('abort', this.#cut)
    this.#response.off('close', this.#leave)
  }
}
