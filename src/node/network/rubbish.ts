/** So many bytes of blocks leave as much rubbish behind as is worth a collection. */
const RECEIVED_BYTES = 16 * 1024 * 1024
/** Collections take at most one part in so many of the time: those of a daemon with many peers take longer. */
const SHARE = 10

interface Engine {
  fullGC(): unknown
}

/**
 * Has what a fetch leaves behind collected in time. The runtime's collector looks at the size of its heap, of which the
 * buffers of sockets and blocks are no part until they are many: the peak of a fetch was half as high again.
 */
export class Rubbish {
  readonly #collect: () => void
  readonly #now: () => number
  #bytes = 0
  #lastMs = 0
  #lastAt = Number.NEGATIVE_INFINITY

  constructor(collect: () => void, now: () => number = () => performance.now()) {
    this.#collect = collect
    this.#now = now
  }

  /** Says that so many bytes have come in. */
  received(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes < RECEIVED_BYTES) return
    const begun = this.#now()
    if (begun - this.#lastAt < SHARE * this.#lastMs) return
    this.#bytes = 0
    this.#collect()
    this.#lastAt = this.#now()
    this.#lastMs = this.#lastAt - begun
  }
}

/** Returns what collects on this runtime; undefined where the runtime counts such buffers by itself. */
export function rubbish(): Rubbish | undefined {
  const engine: unknown = process.getBuiltinModule?.('bun:jsc')
  return isEngine(engine) ? new Rubbish(() => void engine.fullGC()) : undefined
}

function isEngine(value: unknown): value is Engine {
  return typeof value === 'object' && value !== null && 'fullGC' in value && typeof value.fullGC === 'function'
}
