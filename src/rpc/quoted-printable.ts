import { Failure } from '../contract/failure.ts'

/** Characters that a line may have; writers end one at 76. */
const LINE_BYTES_MAX = 64 * 1024
const NEWLINE = 0x0a
const EQUALS = 0x3d

/**
 * Yields the bytes that quoted-printable text stands for, a line at a time; line ends stay as they are. Throws a `usage`
 * Failure for a line that is too long. https://www.rfc-editor.org/rfc/rfc2045#section-6.7
 */
export async function* decodeQuotedPrintable(text: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest = Buffer.alloc(0)
  for await (const chunk of text) {
    rest = Buffer.concat([rest, chunk])
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      const line = decodeLine(rest.subarray(0, end + 1))
      rest = rest.subarray(end + 1)
      if (line.length > 0) yield line
    }
    if (rest.length > LINE_BYTES_MAX) {
      throw new Failure('usage', `malformed multipart body: a line is longer than ${LINE_BYTES_MAX} bytes`)
    }
  }
  if (rest.length > 0) yield decodeLine(rest)
}

function decodeLine(line: Buffer): Uint8Array {
  const lineEnd = /\r?\n$/.exec(line.toString('latin1'))?.[0].length ?? 0
  // Blanks at the end of a line were put there on the way.
  let length = line.length - lineEnd
  while (line[length - 1] === 0x20 || line[length - 1] === 0x09) length -= 1
  const isSoft = line[length - 1] === EQUALS
  if (isSoft) length -= 1
  const bytes: number[] = []
  for (let at = 0; at < length; at++) {
    const byte = line[at] ?? 0
    if (byte !== EQUALS) {
      bytes.push(byte)
      continue
    }
    const digits = line.toString('latin1', at + 1, Math.min(at + 3, length))
    // What is no escape stands for itself, as with Go's reader.
    const isEscape = /^[0-9A-Fa-f]{2}$/.test(digits)
    bytes.push(isEscape ? Number.parseInt(digits, 16) : byte)
    if (isEscape) at += 2
  }
  return Buffer.concat([Uint8Array.from(bytes), isSoft ? new Uint8Array() : line.subarray(line.length - lineEnd)])
}
