import { Failure } from '../contract/failure.ts'

/** Yields the lines of a body, as bytes without their newline. Throws `failed` for one longer than `bytesMax`. */
export async function* splitLines(body: AsyncIterable<Uint8Array>, bytesMax: number): AsyncGenerator<Buffer> {
  let held: Buffer[] = []
  let heldBytes = 0
  for await (const chunk of body) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let from = 0
    for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, from)) {
      const line = bytes.subarray(from, at)
      from = at + 1
      yield held.length === 0 ? line : Buffer.concat([...held, line])
      held = []
      heldBytes = 0
    }
    if (from === bytes.length) continue
    held.push(bytes.subarray(from))
    heldBytes += bytes.length - from
    if (heldBytes > bytesMax) throw new Failure('failed', `a line is longer than ${bytesMax} bytes`)
  }
  if (held.length > 0) yield Buffer.concat(held)
}

/** Returns the lines of a short body as text. */
export async function readLines(body: AsyncIterable<Uint8Array>, bytesMax: number): Promise<string[]> {
  return Buffer.from(await readAll(body, bytesMax))
    .toString('utf8')
    .split(/\r?\n/)
}

/** Returns a whole body. Throws `failed` when it is larger than `bytesMax`. */
export async function readAll(body: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > bytesMax) throw new Failure('failed', `the body is larger than ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
