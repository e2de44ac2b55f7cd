/**
 * Yields what a piece of work reports while it goes on, in order. Throws what the work throws, after the reports that
 * came before.
 */
export async function* reportsOf<T>(work: (report: (item: T) => void) => Promise<void>): AsyncIterable<T> {
  const items: T[] = []
  let wake = Promise.withResolvers<void>()
  let isDone = false
  const done = work(item => {
    items.push(item)
    wake.resolve()
  }).finally(() => {
    isDone = true
    wake.resolve()
  })
  // Whoever awaits `done` below sees its failure; this keeps it from being called unhandled before.
  done.catch(() => undefined)
  while (!isDone || items.length > 0) {
    await wake.promise
    wake = Promise.withResolvers()
    yield* items.splice(0)
  }
  await done
}
