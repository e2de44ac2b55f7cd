/** An encoding that reads the bytes as one big number: base36 and base58. */
export interface Radix {
  readonly alphabet: string
  readonly name: string
  /** Letters of either case are read. */
  readonly foldCase: boolean
}

const INVALID = 255
const tables = new Map<string, Uint8Array>()

/** Returns bytes as text, without a multibase prefix. Takes time in the square of the length. */
export function encodeRadix({ alphabet }: Radix, bytes: Uint8Array): string {
  let zeros = 0
  while (zeros < bytes.length && bytes[zeros] === 0) zeros += 1
  // Two digits at a time out of 16-bit limbs: all intermediate values fit 31 bits, where division is fastest.
  const radix = alphabet.length
  const square = radix * radix
  const limbs = toLimbs(bytes, zeros)
  // From the end: a text that grows letter by letter would be a chain of as many strings.
  const text = Buffer.allocUnsafe(zeros + (bytes.length - zeros) * 2 + 2)
  let at = text.length
  for (let start = 0; start < limbs.length; ) {
    let rest = 0
    for (let limb = start; limb < limbs.length; limb += 1) {
      const value = (rest << 16) | (limbs[limb] ?? 0)
      const quotient = (value / square) | 0
      limbs[limb] = quotient
      rest = value - quotient * square
    }
    text[--at] = alphabet.charCodeAt(rest % radix)
    text[--at] = alphabet.charCodeAt((rest / radix) | 0)
    while (start < limbs.length && limbs[start] === 0) start += 1
  }
  const zero = alphabet.charCodeAt(0)
  while (at < text.length && text[at] === zero) at += 1
  for (let nth = 0; nth < zeros; nth += 1) text[--at] = zero
  return text.toString('latin1', at)
}

/** Returns the bytes of a text without its multibase prefix. Takes time in the square of the length. */
export function decodeRadix(base: Radix, text: string): Uint8Array {
  if (text.length === 0) {
    throw new Error(base.name === 'base36' ? 'can not decode zero-length string' : 'zero length string')
  }
  const { alphabet } = base
  const radix = alphabet.length
  const values = table(base)
  let zeros = 0
  while (zeros < text.length && text[zeros] === alphabet[0]) zeros += 1
  // Little-endian limbs of 16 bits.
  const limbs: number[] = []
  for (let at = zeros; at < text.length; ) {
    let digits = digit(base, values, text, at)
    let scale = radix
    at += 1
    if ((text.length - at) % 2 === 1) {
      digits = digits * radix + digit(base, values, text, at)
      scale = radix * radix
      at += 1
    }
    let carry = digits
    for (let limb = 0; limb < limbs.length; limb += 1) {
      const value = (limbs[limb] ?? 0) * scale + carry
      limbs[limb] = value & 0xffff
      carry = value >>> 16
    }
    if (carry > 0) limbs.push(carry)
  }
  return fromLimbs(limbs, zeros)
}

function toLimbs(bytes: Uint8Array, from: number): Int32Array {
  const count = (bytes.length - from + 1) >> 1
  const limbs = new Int32Array(count)
  for (let limb = count - 1, at = bytes.length - 1; limb >= 0; limb -= 1, at -= 2) {
    limbs[limb] = (bytes[at] ?? 0) | (at - 1 >= from ? (bytes[at - 1] ?? 0) << 8 : 0)
  }
  return limbs
}

function fromLimbs(limbs: readonly number[], zeros: number): Uint8Array {
  const top = limbs.at(-1) ?? 0
  const length = limbs.length * 2 - (limbs.length > 0 && top < 256 ? 1 : 0)
  const bytes = new Uint8Array(zeros + length)
  for (let at = 0; at < length; at += 1) {
    bytes[bytes.length - 1 - at] = ((limbs[at >> 1] ?? 0) >> (at % 2 === 0 ? 0 : 8)) & 0xff
  }
  return bytes
}

function digit(base: Radix, values: Uint8Array, text: string, at: number): number {
  const value = values[text.charCodeAt(at)] ?? INVALID
  if (value !== INVALID) return value
  const letter = String.fromCodePoint(text.codePointAt(at) ?? 0)
  throw new Error(
    base.name === 'base36' ? `invalid base36 character ('${letter}')` : `invalid base58 digit ('${letter}')`,
  )
}

function table({ alphabet, foldCase }: Radix): Uint8Array {
  let values = tables.get(alphabet)
  if (values === undefined) {
    values = new Uint8Array(128).fill(INVALID)
    for (let at = 0; at < alphabet.length; at += 1) {
      const letter = alphabet.charAt(at)
      for (const form of foldCase ? [letter.toLowerCase(), letter.toUpperCase()] : [letter]) {
        values[form.charCodeAt(0)] = at
      }
    }
    tables.set(alphabet, values)
  }
  return values
}
