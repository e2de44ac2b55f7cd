import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import type { Waiting } from '../repo/roles.ts'
import type { Exchange } from './exchange.ts'

/** How often a daemon may go away during one command. */
const CHANGES_MAX = 3

/**
 * The exchange of a command: the daemon's as long as there is one. When it goes away in the middle, the next one, or a
 * network of the command's own, goes on.
 */
export class CommandExchange implements Exchange {
  readonly #open: () => Promise<Exchange>
  #current: Promise<Exchange> | undefined
  #changes = 0
  /** Something was fetched that may not have been stored. */
  #loss: Failure | undefined

  constructor(open: () => Promise<Exchange>) {
    this.#open = open
  }

  async get(cid: CID, options?: Waiting): Promise<Uint8Array> {
    for (;;) {
      const current = this.#opened()
      try {
        return await (await current).get(cid, options)
      } catch (error) {
        if (!isDaemonGone(error) || this.#changes >= CHANGES_MAX) throw error
        await this.#replace(current, error)
      }
    }
  }

  #opened(): Promise<Exchange> {
    if (this.#current === undefined) {
      this.#current = this.#open()
      // Met by whoever asks; a failure to open is tried again.
      this.#current.catch(() => {
        this.#current = undefined
      })
    }
    return this.#current
  }

  async #replace(lost: Promise<Exchange>, error: Failure): Promise<void> {
    // Many blocks were waited for: the first that fails opens the next exchange for all.
    if (this.#current !== lost) return
    this.#current = undefined
    this.#changes += 1
    try {
      await (await lost).flush()
    } catch {
      this.#loss = error
    }
  }

  async flush(options?: Waiting): Promise<void> {
    if (this.#loss !== undefined) throw this.#loss
    await (await this.#current)?.flush(options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const current = await this.#current?.catch(() => undefined)
    await current?.[Symbol.asyncDispose]()
  }
}

function isDaemonGone(error: unknown): error is Failure {
  return error instanceof Failure && error.data?.daemon === 'gone'
}
