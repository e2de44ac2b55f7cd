import { Failure } from '../contract/failure.ts'
import { nameFromBytes, nameToBytes } from '../contract/surrogate-escape.ts'
import { decodeEmoji, encodeEmoji } from './multibase-emoji.ts'
import { decodeRadix, encodeRadix, type Radix } from './multibase-radix.ts'
import { decodeRfc4648, encodeRfc4648, type Rfc4648 } from './multibase-rfc4648.ts'

/** One encoding of https://github.com/multiformats/multibase. */
export interface Base {
  readonly name: string
  /** The character that stands before a text in this encoding. */
  readonly prefix: string
  /** Returns bytes as text, without the prefix. */
  encode(bytes: Uint8Array): string
  /** Returns the bytes of a text without its prefix. Throws an Error in Kubo's words. */
  decode(text: string): Uint8Array
}

const DIGITS = '0123456789'
const LOWER = 'abcdefghijklmnopqrstuvwxyz'
const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
const BTC = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
const FLICKR = '123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ'

const base16 = (letters: string) => rfc4648(4, `${DIGITS}${letters.slice(0, 6)}`, false)
const base32 = (letters: string, pad: boolean) => rfc4648(5, `${letters}234567`, pad)
const base32hex = (letters: string, pad: boolean) => rfc4648(5, `${DIGITS}${letters.slice(0, 22)}`, pad)
const base64 = (last: string, pad: boolean) => rfc4648(6, `${UPPER}${LOWER}${DIGITS}${last}`, pad)

/** Every encoding that Kubo 0.44 supports, in the order of `cid bases`. */
export const BASES: readonly Base[] = [
  { name: 'identity', prefix: '\0', encode: nameFromBytes, decode: nameToBytes },
  { name: 'base2', prefix: '0', ...base2() },
  { name: 'base32', prefix: 'b', ...base32(LOWER, false) },
  { name: 'base32upper', prefix: 'B', ...base32(UPPER, false) },
  { name: 'base32pad', prefix: 'c', ...base32(LOWER, true) },
  { name: 'base32padupper', prefix: 'C', ...base32(UPPER, true) },
  { name: 'base16', prefix: 'f', ...base16(LOWER) },
  { name: 'base16upper', prefix: 'F', ...base16(UPPER) },
  { name: 'base36', prefix: 'k', ...radix('base36', `${DIGITS}${LOWER}`, true) },
  { name: 'base36upper', prefix: 'K', ...radix('base36', `${DIGITS}${UPPER}`, true) },
  { name: 'base64', prefix: 'm', ...base64('+/', false) },
  { name: 'base64pad', prefix: 'M', ...base64('+/', true) },
  { name: 'base32hexpad', prefix: 't', ...base32hex(LOWER, true) },
  { name: 'base32hexpadupper', prefix: 'T', ...base32hex(UPPER, true) },
  { name: 'base64url', prefix: 'u', ...base64('-_', false) },
  { name: 'base64urlpad', prefix: 'U', ...base64('-_', true) },
  { name: 'base32hex', prefix: 'v', ...base32hex(LOWER, false) },
  { name: 'base32hexupper', prefix: 'V', ...base32hex(UPPER, false) },
  { name: 'base58btc', prefix: 'z', ...radix('base58btc', BTC, false) },
  { name: 'base58flickr', prefix: 'Z', ...radix('base58flickr', FLICKR, false) },
  { name: 'base256emoji', prefix: '🚀', encode: encodeEmoji, decode: decodeEmoji },
]

/** base32 and base58btc, which CIDs are written in by default. */
export const BASE32 = named('base32')
export const BASE58BTC = named('base58btc')
export const BASE36 = named('base36')

/** Returns the encoding of a name (`base32`) or prefix (`b`). Throws a `usage` Failure. */
export function baseByName(name: string): Base {
  const base = BASES.find(base => base.name === name || base.prefix === name)
  if (base !== undefined) return base
  throw new Failure('usage', name === '' ? 'empty multibase encoding' : `unsupported multibase encoding: ${name}`, {
    hint: 'tsipfs multibase list shows those there are',
  })
}

/** Returns bytes in an encoding, with its prefix. */
export function encodeMultibase(base: Base, bytes: Uint8Array): string {
  return base.prefix + base.encode(bytes)
}

/** Returns the encoding and the bytes of a multibase text. Throws an Error in Kubo's words. */
export function decodeMultibase(text: string): { base: Base; bytes: Uint8Array } {
  if (text === '') throw new Error('cannot decode multibase for zero length string')
  const prefix = String.fromCodePoint(text.codePointAt(0) ?? 0)
  const base = BASES.find(base => base.prefix === prefix)
  if (base === undefined) throw new Error('selected encoding not supported')
  return { base, bytes: base.decode(text.slice(prefix.length)) }
}

type Coder = Pick<Base, 'encode' | 'decode'>

function rfc4648(bits: Rfc4648['bits'], alphabet: string, pad: boolean): Coder {
  const base: Rfc4648 = { alphabet, bits, pad, foldCase: bits === 4 || bits === 5 }
  return { encode: bytes => encodeRfc4648(base, bytes), decode: text => decodeRfc4648(base, text) }
}

function base2(): Coder {
  const base: Rfc4648 = { alphabet: '01', bits: 1, pad: false, foldCase: false }
  return {
    encode: bytes => encodeRfc4648(base, bytes),
    // Bits that are missing are missing in front.
    decode: text => decodeRfc4648(base, '0'.repeat((8 - (text.length % 8)) % 8) + text),
  }
}

function radix(name: string, alphabet: string, foldCase: boolean): Coder {
  const base: Radix = { alphabet, name, foldCase }
  return { encode: bytes => encodeRadix(base, bytes), decode: text => decodeRadix(base, text) }
}

function named(name: string): Base {
  const base = BASES.find(base => base.name === name)
  if (base === undefined) throw new Error(`no encoding ${name}`)
  return base
}
