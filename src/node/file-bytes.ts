import { Failure } from '../contract/failure.ts'
import type { SourceEntry } from '../contract/source.ts'

/** Returns the bytes of the one file that was sent along. Throws `usage` when there is none, or it is longer. */
export async function fileBytes(source: AsyncIterable<SourceEntry>, bytesMax: number): Promise<Uint8Array> {
  for await (const entry of source) {
    if (entry.content === undefined) throw new Failure('usage', `${entry.path}: expected a regular file`)
    const chunks: Uint8Array[] = []
    let length = 0
    for await (const chunk of entry.content()) {
      length += chunk.length
      if (length > bytesMax) throw new Failure('usage', `the input is longer than ${bytesMax} bytes`)
      chunks.push(chunk)
    }
    return Uint8Array.from(Buffer.concat(chunks))
  }
  throw new Failure('usage', 'expected a file argument')
}
