import { type Identify, identify } from '@libp2p/identify'
import type { Connection } from '@libp2p/interface'
import type { Components } from './parts.ts'

/** Whoever connects to a peer wants something of it: that comes first. */
const LATER_MS = 100
const WAIT_MS = 1_000
/** A peer that was too busy to answer in time is asked again: so often in all, and after a while. */
const ASKED_MAX = 4
const AGAIN_MS = 1_000

/**
 * Asks peers who they are, as libp2p does, but a moment after they have connected, or when somebody wants to know. It is
 * most of the work of a new connection, and the first block need not wait for it.
 */
export class Identifying {
  readonly #waiting = new Map<Connection, NodeJS.Timeout>()
  readonly #running = new Map<Connection, Promise<void>>()
  #service: Identify | undefined

  /** Returns the service of libp2p. `isDelayed` is false for a node that is gone soon. */
  service(isDelayed: boolean): (components: Components) => Identify {
    if (!isDelayed) return identify()
    const create = identify({ runOnConnectionOpen: false })
    return components => {
      this.#service = create(components)
      components.events.addEventListener('connection:open', ({ detail }) => this.#opened(detail))
      components.events.addEventListener('connection:close', ({ detail }) => this.#closed(detail))
      return this.#service
    }
  }

  #opened(connection: Connection): void {
    this.#runIn(LATER_MS, connection, 1)
  }

  #runIn(ms: number, connection: Connection, count: number): void {
    const timer = setTimeout(() => this.#run(connection, count), ms)
    timer.unref()
    this.#waiting.set(connection, timer)
  }

  #closed(connection: Connection): void {
    clearTimeout(this.#waiting.get(connection))
    this.#waiting.delete(connection)
  }

  #run(connection: Connection, count = 1): void {
    this.#closed(connection)
    if (this.#service === undefined || connection.status !== 'open') return
    const running = this.#service.identify(connection).then(
      () => undefined,
      (error: unknown) => {
        // It may speak the protocol badly or not at all: then nothing is known of it.
        const isLate = error instanceof Error && error.name === 'TimeoutError'
        if (isLate && count < ASKED_MAX && connection.status === 'open') this.#runIn(AGAIN_MS, connection, count + 1)
      },
    )
    this.#running.set(connection, running)
    void running.finally(() => this.#running.delete(connection))
  }

  /** Asks at once all that have not been asked yet. */
  hurry(): void {
    for (const connection of [...this.#waiting.keys()]) this.#run(connection)
  }

  /** Resolves when the peer of a connection has answered what this has asked, or will not. */
  async asked(connection: Connection): Promise<void> {
    if (this.#waiting.has(connection)) this.#run(connection)
    await this.#running.get(connection)
  }

  /** Resolves when all that are connected have answered, or do not seem to. */
  async settled(): Promise<void> {
    this.hurry()
    if (this.#running.size === 0) return
    const limit = Promise.withResolvers<void>()
    const timer = setTimeout(limit.resolve, WAIT_MS)
    await Promise.race([Promise.all(this.#running.values()), limit.promise])
    clearTimeout(timer)
  }
}
