/** An encoding of RFC 4648, or one built alike: each character holds a fixed number of bits. */
export interface Rfc4648 {
  readonly alphabet: string
  readonly bits: 1 | 4 | 5 | 6
  readonly pad: boolean
  /** Letters of either case are read. */
  readonly foldCase: boolean
}

const INVALID = 255
const tables = new Map<string, Uint8Array>()

/** Returns bytes as text, without a multibase prefix. */
export function encodeRfc4648({ alphabet, bits, pad }: Rfc4648, bytes: Uint8Array): string {
  const mask = (1 << bits) - 1
  const length = Math.ceil((bytes.length * 8) / bits)
  // In bytes: a text that grows letter by letter would be a chain of as many strings.
  const text = Buffer.allocUnsafe(pad ? paddedLength(length, bits) : length)
  let end = 0
  let buffer = 0
  let held = 0
  for (let at = 0; at < bytes.length; at += 1) {
    buffer = ((buffer & 0xff) << 8) | (bytes[at] ?? 0)
    held += 8
    while (held >= bits) {
      held -= bits
      text[end++] = alphabet.charCodeAt((buffer >> held) & mask)
    }
  }
  if (held > 0) text[end++] = alphabet.charCodeAt((buffer << (bits - held)) & mask)
  return text.fill('=', end).toString('latin1')
}

/** Returns the next length whose letters make whole bytes. */
function paddedLength(length: number, bits: Rfc4648['bits']): number {
  let padded = length
  while ((padded * bits) % 8 !== 0) padded += 1
  return padded
}

/**
 * Returns the bytes of a text without its multibase prefix. As lenient as Go's decoders, so that the same texts are
 * read: line breaks are skipped and bits left over at the end ignored. Throws an Error that says where it is wrong.
 */
export function decodeRfc4648(base: Rfc4648, text: string): Uint8Array {
  const { bits } = base
  const clean = bits >= 5 && /[\r\n]/.test(text) ? text.replace(/[\r\n]/g, '') : text
  if (bits === 4 && clean.length % 2 === 1 && invalidAt(base, clean, clean.length) < 0) {
    throw new Error('encoding/hex: odd length hex string')
  }
  const end = base.pad ? paddingStart(base, clean) : clean.length
  const values = table(base)
  const bytes = new Uint8Array(Math.floor((end * bits) / 8))
  let buffer = 0
  let held = 0
  let written = 0
  for (let at = 0; at < end; at += 1) {
    const value = values[clean.charCodeAt(at)] ?? INVALID
    if (value === INVALID) throw corrupt(base, clean, at)
    buffer = ((buffer << bits) | value) & 0xffff
    held += bits
    if (held >= 8) {
      held -= 8
      bytes[written] = (buffer >> held) & 0xff
      written += 1
    }
  }
  // A single base64 character cannot hold a byte.
  if (bits === 6 && end % 4 === 1) throw corrupt(base, clean, end - 1)
  // Nor do 1, 3 or 6 characters of base32 end a text: the group that they stand in is left out.
  const over = end % 8
  return bits === 5 && (over === 1 || over === 3 || over === 6) ? bytes.subarray(0, ((end - over) / 8) * 5) : bytes
}

/** Returns where the padding of a padded text begins. Throws when there is too little, too much, or some in between. */
function paddingStart(base: Rfc4648, text: string): number {
  const quantum = base.bits === 5 ? 8 : 4
  let end = text.length
  while (end > 0 && text.length - end < quantum && text[end - 1] === '=') end -= 1
  const bad = invalidAt(base, text, end)
  if (bad >= 0) throw corrupt(base, text, bad)
  const over = end % quantum
  const whole = base.bits === 5 ? [0, 2, 4, 5, 7] : [0, 2, 3]
  if (text.length % quantum !== 0 || !whole.includes(over) || (over === 0 && end < text.length)) {
    throw corrupt(base, text, end === text.length ? end - over : end)
  }
  return end
}

function invalidAt(base: Rfc4648, text: string, end: number): number {
  const values = table(base)
  for (let at = 0; at < end; at += 1) if ((values[text.charCodeAt(at)] ?? INVALID) === INVALID) return at
  return -1
}

function table({ alphabet, foldCase }: Rfc4648): Uint8Array {
  const key = `${alphabet}${foldCase}`
  let values = tables.get(key)
  if (values === undefined) {
    values = new Uint8Array(128).fill(INVALID)
    for (let at = 0; at < alphabet.length; at += 1) {
      const letter = alphabet.charAt(at)
      for (const form of foldCase ? [letter.toLowerCase(), letter.toUpperCase()] : [letter]) {
        values[form.charCodeAt(0)] = at
      }
    }
    tables.set(key, values)
  }
  return values
}

function corrupt({ bits }: Rfc4648, text: string, at: number): Error {
  if (bits === 1) {
    const padded = '0'.repeat((8 - (text.length % 8)) % 8) + text
    const from = Math.floor((at + padded.length - text.length) / 8) * 8
    return new Error(
      `error while conversion: strconv.ParseInt: parsing "${padded.slice(from, from + 8)}": invalid syntax`,
    )
  }
  if (bits === 4) {
    const code = text.codePointAt(at) ?? 0
    const shown = code.toString(16).toUpperCase().padStart(4, '0')
    return new Error(`encoding/hex: invalid byte: U+${shown} '${String.fromCodePoint(code)}'`)
  }
  return new Error(`illegal base${2 ** bits} data at input byte ${at}`)
}
