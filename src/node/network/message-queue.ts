/** What one subscriber may have waiting. */
export const QUEUE_MESSAGES_MAX = 8_192
export const QUEUE_BYTES_MAX = 32 * 1024 * 1024
/** Time that messages wait for a subscriber that reads slowly; after it they are dropped, until it has caught up. */
export const QUEUE_WAIT_MS = 5_000

/** Messages on their way to one subscriber: a queue with a limit, which those who fill it can wait for. */
export class MessageQueue<T extends { readonly data: Uint8Array }> {
  readonly #items: T[] = []
  #taken = 0
  #bytes = 0
  #isClosed = false
  #isStalled = false
  #dropped = 0
  #arrived: (() => void) | undefined
  readonly #waiting = new Set<() => void>()

  /** Messages that were dropped because the subscriber did not read. */
  get dropped(): number {
    return this.#dropped
  }

  /** Takes a message; drops it when there is no room. */
  push(item: T): void {
    if (this.#isClosed) return
    if (this.#isFull()) {
      this.#dropped += 1
      return
    }
    this.#items.push(item)
    this.#bytes += item.data.length
    this.#arrived?.()
  }

  /** Whether a message can be taken, or is dropped without anybody waiting for its sake. */
  get isOpen(): boolean {
    return !this.#isFull() || this.#isStalled || this.#isClosed
  }

  /** Resolves when there is room, and at the latest when the subscriber has kept others waiting for too long. */
  async room(waitMs: number = QUEUE_WAIT_MS): Promise<void> {
    if (this.isOpen) return
    let timer: NodeJS.Timeout | undefined
    let wake: () => void = () => undefined
    await new Promise<void>(resolve => {
      wake = resolve
      this.#waiting.add(resolve)
      timer = setTimeout(() => {
        this.#isStalled = true
        resolve()
      }, waitMs)
    })
    clearTimeout(timer)
    this.#waiting.delete(wake)
  }

  /** Ends the subscription: what waits is still read. */
  close(): void {
    this.#isClosed = true
    this.#arrived?.()
    for (const wake of this.#waiting) wake()
  }

  /** Yields messages in their order, until the queue is closed and empty, or the signal aborts. */
  async *read(signal?: AbortSignal): AsyncGenerator<T> {
    const stop = (): void => this.#arrived?.()
    signal?.addEventListener('abort', stop, { once: true })
    try {
      for (;;) {
        signal?.throwIfAborted()
        const item = this.#take()
        if (item !== undefined) yield item
        else if (this.#isClosed) return
        else await this.#arrival(signal)
      }
    } finally {
      signal?.removeEventListener('abort', stop)
      this.close()
    }
  }

  #take(): T | undefined {
    const item = this.#items[this.#taken]
    if (item === undefined) return undefined
    this.#taken += 1
    this.#bytes -= item.data.length
    if (this.#taken === this.#items.length || this.#taken >= 1_024) {
      this.#items.splice(0, this.#taken)
      this.#taken = 0
    }
    if (this.#length < QUEUE_MESSAGES_MAX / 2 && this.#bytes < QUEUE_BYTES_MAX / 2) {
      this.#isStalled = false
      for (const wake of this.#waiting) wake()
    }
    return item
  }

  get #length(): number {
    return this.#items.length - this.#taken
  }

  #isFull(): boolean {
    return this.#length >= QUEUE_MESSAGES_MAX || this.#bytes >= QUEUE_BYTES_MAX
  }

  async #arrival(signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>(resolve => {
      this.#arrived = resolve
      if (signal?.aborted === true) resolve()
    })
    this.#arrived = undefined
  }
}
