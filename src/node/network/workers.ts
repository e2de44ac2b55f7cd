/**
 * Does `act` for each value, so many at a time; the next value is asked for when one is done. Throws what the first
 * that failed threw, after those at work have ended; no further value is begun then.
 */
export async function overEach<T>(
  values: AsyncIterable<T> | Iterable<T>,
  workers: number,
  act: (value: T) => Promise<void>,
): Promise<void> {
  const iterator = iterate(values)
  const failures: unknown[] = []
  const work = async (): Promise<void> => {
    try {
      while (failures.length === 0) {
        const next = await iterator.next()
        if (next.done === true) return
        await act(next.value)
      }
    } catch (error) {
      failures.push(error)
    }
  }
  await Promise.all(Array.from({ length: workers }, work))
  await iterator.return(undefined)
  if (failures.length > 0) throw failures[0]
}

async function* iterate<T>(values: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T> {
  yield* values
}
