/** How much is held for a reader that is slower than the sources. */
const WAITING_MAX = 256

/**
 * Yields what several sources yield, as it comes. A source that fails ends alone; when all have failed and nothing came,
 * the first failure is thrown. Leaving the loop early aborts `stop`, which the sources listen to.
 */
export async function* mergeSources<T>(
  sources: readonly ((stop: AbortSignal) => AsyncIterable<T>)[],
  signal?: AbortSignal,
): AsyncIterable<T> {
  const leaving = new AbortController()
  const stop = signal === undefined ? leaving.signal : AbortSignal.any([signal, leaving.signal])
  const waiting: T[] = []
  const failures: unknown[] = []
  let running = sources.length
  let count = 0
  let wake = Promise.withResolvers<void>()
  let room = Promise.withResolvers<void>()
  const read = async (source: (stop: AbortSignal) => AsyncIterable<T>): Promise<void> => {
    try {
      for await (const value of source(stop)) {
        while (waiting.length >= WAITING_MAX && !stop.aborted) await room.promise
        if (stop.aborted) return
        waiting.push(value)
        wake.resolve()
      }
    } catch (error) {
      failures.push(error)
    } finally {
      running -= 1
      wake.resolve()
    }
  }
  const onAbort = (): void => {
    wake.resolve()
    room.resolve()
  }
  stop.addEventListener('abort', onAbort)
  const reading = sources.map(read)
  try {
    for (;;) {
      signal?.throwIfAborted()
      const value = waiting.shift()
      if (value !== undefined) {
        room.resolve()
        room = Promise.withResolvers()
        count += 1
        yield value
      } else if (running === 0) break
      else {
        await wake.promise
        wake = Promise.withResolvers()
      }
    }
    if (count === 0 && failures.length > 0 && failures.length === sources.length) throw failures[0]
  } finally {
    stop.removeEventListener('abort', onAbort)
    leaving.abort(new DOMException('nobody reads any more', 'AbortError'))
    room.resolve()
    // Nothing of them is wanted any more; what they throw has been caught.
    void Promise.all(reading)
  }
}
