import { Failure } from '../../contract/failure.ts'
import type { SourceEntry } from '../../contract/source.ts'
import { RPC_BYTES_MAX } from './pubsub-messages.ts'

const NEWLINE = 0x0a

/**
 * Yields the messages that a caller sends: each file as one, or each of its lines. Throws `usage` as soon as one is
 * too large, before it is all read.
 */
export async function* messagesOf(source: AsyncIterable<SourceEntry>, asLines: boolean): AsyncGenerator<Uint8Array> {
  for await (const entry of source) {
    if (entry.type !== 'file' || entry.content === undefined) {
      throw new Failure('usage', `${entry.path}: only files can be published`)
    }
    if (asLines) yield* linesOf(entry.content())
    else yield await wholeOf(entry.content())
  }
}

async function wholeOf(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of content) {
    size += chunk.length
    checkLength(size)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function* linesOf(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let begun: Uint8Array[] = []
  let size = 0
  for await (const chunk of content) {
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      checkLength(size + at - from)
      yield Buffer.concat([...begun, chunk.subarray(from, at)])
      begun = []
      size = 0
      from = at + 1
    }
    if (from === chunk.length) continue
    // A copy: chunks may share memory with what is read after them.
    begun.push(chunk.slice(from))
    size += chunk.length - from
    checkLength(size)
  }
  if (size > 0) yield Buffer.concat(begun)
}

function checkLength(length: number): void {
  if (length <= RPC_BYTES_MAX) return
  throw new Failure('usage', 'a message is too large for pubsub', {
    hint: `with its signature it has at most ${RPC_BYTES_MAX} bytes; publish a CID instead`,
  })
}
