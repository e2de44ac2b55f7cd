const PAUSE_MS_MAX = 40

/** Resolves after a short while that grows with `round` and differs from process to process, so that waiters take turns. */
export async function pause(round: number, signal: AbortSignal | undefined): Promise<void> {
  const ceiling = Math.min(PAUSE_MS_MAX, 1 << Math.min(round, 6))
  // Most commands never wait.
  const { setTimeout: sleep } = await import('node:timers/promises')
  await sleep(1 + Math.random() * ceiling, undefined, signal === undefined ? {} : { signal })
}

const YIELD_MS = 20

/** Gives timers and signals a turn during long synchronous work. */
export class Breath {
  #last = performance.now()

  /** True when it is time to await `take`. */
  get due(): boolean {
    return performance.now() - this.#last > YIELD_MS
  }

  /** Resolves after a turn of the event loop when 20 ms have passed since the last one. Throws when aborted. */
  async take(signal?: AbortSignal): Promise<void> {
    if (!this.due) return
    await new Promise(resolve => setImmediate(resolve))
    signal?.throwIfAborted()
    this.#last = performance.now()
  }
}
