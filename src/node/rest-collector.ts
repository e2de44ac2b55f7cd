/** Bun's collector, where it runs us. */
declare const Bun: { gc(isSynchronous: boolean): void } | undefined

/** What starting has left behind is collected so long after. */
const FIRST_MS = 1_000
const LOOK_MS = 10_000
/** A program that is at rest allocates no more than this between two looks. */
const REST_BYTES_MAX = 1024 * 1024
/** So much more than after the last collection may be garbage that is worth another one. */
const GROWTH_BYTES_MIN = 8 * 1024 * 1024

/** Tells from the sizes of the heap when to collect: once, when work that left garbage behind is over. */
export class Rest {
  #after: number
  #before: number

  /** `bytes` are in use right after a collection. */
  constructor(bytes: number) {
    this.#after = bytes
    this.#before = bytes
  }

  /** Returns whether to collect now; `collected` says what was left then. */
  look(bytes: number): boolean {
    const isAtRest = Math.abs(bytes - this.#before) <= REST_BYTES_MAX
    this.#before = bytes
    // The engine's own collections make the heap smaller, too.
    this.#after = Math.min(this.#after, bytes)
    return isAtRest && bytes - this.#after >= GROWTH_BYTES_MIN
  }

  collected(bytes: number): void {
    this.#after = bytes
    this.#before = bytes
  }
}

/**
 * Collects garbage when a daemon comes to rest. The engine collects by itself while work goes on; the runtime's clock, that
 * does so for a program at rest, is turned off for daemons (bin/tsipfs): it collects whether there is anything or not.
 * Where it is on, nothing is done here.
 */
export function collectAtRest(env: Readonly<Record<string, string | undefined>>, signal: AbortSignal): void {
  if (typeof Bun === 'undefined' || env.BUN_GC_TIMER_DISABLE !== '1') return
  const collect = (): number => {
    Bun?.gc(true)
    return process.memoryUsage().heapUsed
  }
  let timer = setTimeout(() => {
    const rest = new Rest(collect())
    timer = setInterval(() => {
      if (rest.look(process.memoryUsage().heapUsed)) rest.collected(collect())
    }, LOOK_MS).unref()
  }, FIRST_MS).unref()
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
}
