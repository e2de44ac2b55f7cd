import { Failure } from '../../contract/failure.ts'
import type { SourceEntry } from '../../contract/source.ts'

/** More is not read, even of what is no record. */
const BYTES_MAX = 1024 * 1024

/** Returns the bytes of the one file that a caller sends along. Throws `usage` when there is none. */
export async function readRecord(source: AsyncIterable<SourceEntry>): Promise<Uint8Array> {
  for await (const entry of source) {
    const pieces: Uint8Array[] = []
    let length = 0
    for await (const piece of entry.content?.() ?? []) {
      length += piece.length
      if (length > BYTES_MAX) throw new Failure('failed', `the record is larger than ${BYTES_MAX} bytes`)
      pieces.push(piece)
    }
    return Uint8Array.from(Buffer.concat(pieces))
  }
  throw new Failure('usage', 'argument "record" is required')
}
