import { Failure } from '../contract/failure.ts'

/** Returns the bytes of a Snappy block (https://github.com/google/snappy, format_description.txt). Throws `failed`. */
export function decodeSnappy(input: Uint8Array, bytesMax: number): Uint8Array {
  let at = 0
  const byte = (): number => {
    const value = input[at]
    if (value === undefined) throw malformed()
    at += 1
    return value
  }
  const little = (count: number): number => {
    let value = 0
    for (let place = 0; place < count; place += 1) value += byte() * 256 ** place
    return value
  }
  let length = 0
  for (let factor = 1, more = true; more; factor *= 128) {
    if (factor > 2 ** 28) throw malformed()
    const value = byte()
    length += (value & 0x7f) * factor
    more = value >= 0x80
  }
  if (length > bytesMax) throw malformed()
  const out = new Uint8Array(length)
  let end = 0
  while (at < input.length) {
    const tag = byte()
    if ((tag & 3) === 0) {
      const short = tag >> 2
      const count = (short < 60 ? short : little(short - 59)) + 1
      if (at + count > input.length || end + count > length) throw malformed()
      out.set(input.subarray(at, at + count), end)
      at += count
      end += count
      continue
    }
    const isShort = (tag & 3) === 1
    const count = isShort ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1
    const offset = isShort ? ((tag >> 5) << 8) + byte() : little((tag & 3) === 2 ? 2 : 4)
    if (offset === 0 || offset > end || end + count > length) throw malformed()
    // Byte by byte: a copy may run into what it is just writing.
    for (let copied = 0; copied < count; copied += 1, end += 1) out[end] = out[end - offset] ?? 0
  }
  if (end !== length) throw malformed()
  return out
}

function malformed(): Failure {
  return new Failure('failed', 'malformed Snappy data')
}
