import { Failure } from '../contract/failure.ts'
import { nameFromBytes, nameToBytes } from '../contract/surrogate-escape.ts'

/** One `name=value` of a query string, decoded. */
export type QueryPair = readonly [name: string, value: string]

const UNRESERVED = /^[A-Za-z0-9._~-]*$/

/** Returns a query string. Bytes of names that are not UTF-8 (surrogate-escape.ts) are sent as those bytes. */
export function encodeQuery(pairs: readonly QueryPair[]): string {
  return pairs.map(([name, value]) => `${percentEncode(name)}=${percentEncode(value)}`).join('&')
}

/** Returns the pairs of a query string in their order. Throws a `usage` Failure for a broken escape. */
export function decodeQuery(query: string): QueryPair[] {
  if (query === '') return []
  return query
    .split('&')
    .filter(part => part !== '')
    .map(part => {
      const at = part.indexOf('=')
      return at < 0 ? [percentDecode(part), ''] : [percentDecode(part.slice(0, at)), percentDecode(part.slice(at + 1))]
    })
}

/** Returns text with every byte but letters, digits and `-._~` percent-encoded. */
export function percentEncode(text: string): string {
  if (UNRESERVED.test(text)) return text
  let escaped = ''
  for (const byte of nameToBytes(text)) {
    const character = String.fromCharCode(byte)
    escaped +=
      byte < 0x80 && UNRESERVED.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return escaped
}

/** Returns percent-encoded text decoded, `+` as a space. Throws a `usage` Failure for a broken escape. */
export function percentDecode(text: string): string {
  if (!/[%+]/.test(text)) return text
  const bytes = percentDecodeBytes(text)
  if (bytes === undefined) throw new Failure('usage', 'the query has a broken %-escape')
  return nameFromBytes(bytes)
}

/** Returns the bytes of percent-encoded text; undefined for a broken escape. */
export function percentDecodeBytes(text: string): Uint8Array | undefined {
  const source = nameToBytes(text)
  const bytes = new Uint8Array(source.length)
  let length = 0
  for (let at = 0; at < source.length; at++) {
    const byte = source[at] ?? 0
    if (byte !== 0x25) {
      bytes[length++] = byte === 0x2b ? 0x20 : byte
      continue
    }
    const high = hexDigit(source[at + 1])
    const low = hexDigit(source[at + 2])
    if (high < 0 || low < 0) return undefined
    bytes[length++] = high * 16 + low
    at += 2
  }
  return bytes.subarray(0, length)
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
