import { Failure } from '../../contract/failure.ts'
import type { SourceEntry } from '../../contract/source.ts'

/** Yields the bytes of the one file that was sent along. Throws a `usage` Failure when there is none. */
export async function* contentOf(source: AsyncIterable<SourceEntry>): AsyncGenerator<Uint8Array> {
  for await (const entry of source) {
    if (entry.content === undefined) throw new Failure('usage', 'file argument was nil: a file is wanted')
    yield* entry.content()
    return
  }
  throw new Failure('usage', 'argument "data" is required')
}
