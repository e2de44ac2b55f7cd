/**
 * File and link names are bytes. We keep them as strings: a byte that is not part of valid UTF-8 becomes the lone
 * surrogate U+DC00 + byte, as Python's `surrogateescape` does, so every name has exactly one string and comes back as
 * the bytes that it was.
 */

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()
const PIECE_LENGTH = 4096
const LONE = /[\ud800-\udfff]/

/** Returns the string of a name's bytes. */
export function nameFromBytes(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes)
  } catch {
    // Not UTF-8 as a whole: take it apart, below.
  }
  // In pieces: a string that grows letter by letter is a chain of as many.
  const pieces: string[] = []
  let name = ''
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at)
    if (length === 0) {
      name += String.fromCharCode(0xdc00 + (bytes[at] ?? 0))
      at += 1
    } else {
      name += strict.decode(bytes.subarray(at, at + length))
      at += length
    }
    if (name.length < PIECE_LENGTH) continue
    pieces.push([name, ''].join(''))
    name = ''
  }
  pieces.push(name)
  return pieces.join('')
}

/** Returns the bytes of a name. A lone surrogate that stands for no byte is written as U+FFFD. */
export function nameToBytes(name: string): Uint8Array {
  if (!LONE.test(name)) return encoder.encode(name)
  const parts: number[] = []
  for (const character of name) {
    const code = character.codePointAt(0) ?? 0
    if (code >= 0xdc80 && code <= 0xdcff) parts.push(code - 0xdc00)
    else parts.push(...encoder.encode(character))
  }
  return Uint8Array.from(parts)
}

/** Returns the length of the valid UTF-8 sequence at `at`, or 0 when there is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0
  const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
  if (length === 0 || at + length > bytes.length) return 0
  try {
    strict.decode(bytes.subarray(at, at + length))
    return length
  } catch {
    return 0
  }
}
