import type { Sink } from '../contract/io.ts'

const LENGTH_MAX = 65_536

/**
 * Writes lines without holding any back: the first goes out at once, and those that come while it is being written go
 * together after it.
 */
export class LineWriter {
  readonly #out: Sink
  readonly #end: string
  #waiting = ''
  #writing: Promise<void> | undefined
  #failure: unknown

  constructor(out: Sink, end = '\n') {
    this.#out = out
    this.#end = end
  }

  /** Takes a line without its end. Returns a promise when it is time to wait for those who read. */
  write(line: string): Promise<void> | undefined {
    this.#waiting += line + this.#end
    this.#writing ??= this.#drain()
    return this.#waiting.length > LENGTH_MAX || this.#failure !== undefined ? this.flush() : undefined
  }

  /** Resolves when all lines are written. Throws what writing them threw. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
    if (this.#failure !== undefined) throw this.#failure
  }

  async #drain(): Promise<void> {
    try {
      while (this.#waiting !== '') {
        const text = this.#waiting
        this.#waiting = ''
        await this.#out.write(text)
      }
    } catch (error) {
      this.#failure ??= error
      this.#waiting = ''
    } finally {
      this.#writing = undefined
    }
  }
}
