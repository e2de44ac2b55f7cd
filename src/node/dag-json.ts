import type { CID } from 'multiformats/cid'
import { CidError, decodeCid, formatCid } from './cid.ts'
import { compareKeys, type DagMap, type DagValue, DEPTH_MAX, isLink, malformed, NODE_BYTES_MAX } from './dag-model.ts'

const INT64_MAX = 0x7fffffffffffffffn
/** `toString` of a CID would keep the text with it. */
const AS_THEY_ARE = { cidBase: undefined, upgradeCidV0: false }
const INT64_MIN = -0x8000000000000000n

/** Returns the value of a DAG-JSON text (`links`), or of plain JSON, in which `{"/": …}` means nothing. */
export function decodeJson(bytes: Uint8Array, options: { readonly links?: boolean } = {}): DagValue {
  if (bytes.length > NODE_BYTES_MAX) throw malformed('json', `larger than ${NODE_BYTES_MAX} bytes`)
  const reader = new JsonReader(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes), options.links ?? true)
  return reader.whole()
}

const SPACE = /[ \t\r\n]*/y
const TRAILING = /[ \t\r\n\0]*/y
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d*)?([eE][+-]?\d+)?/y
const PLAIN = /[^"\\\u0000-\u001f]*/y
const LITERALS: readonly (readonly [string, DagValue])[] = [
  ['null', null],
  ['true', true],
  ['false', false],
]
const ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  '"': '"',
  '\\': '\\',
  '/': '/',
}

class JsonReader {
  readonly #text: string
  readonly #links: boolean
  #at = 0

  constructor(text: string, links: boolean) {
    this.#text = text
    this.#links = links
  }

  whole(): DagValue {
    const value = this.#value(0)
    this.#match(TRAILING)
    if (this.#at < this.#text.length) throw malformed('json', 'unexpected content after the end')
    return value
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text)
    if (match !== null) this.#at = pattern.lastIndex
    return match
  }

  /** Skips white space and returns the character that follows, without taking it. */
  #peek(): string {
    this.#match(SPACE)
    const character = this.#text[this.#at]
    if (character === undefined) throw malformed('json', 'unexpected end')
    return character
  }

  // Recursion goes at most DEPTH_MAX deep.
  #value(depth: number): DagValue {
    const character = this.#peek()
    if (character === '"') return this.#string()
    if (character === '{' || character === '[') {
      if (depth >= DEPTH_MAX) throw malformed('json', `nested more than ${DEPTH_MAX} deep`)
      this.#at += 1
      return character === '{' ? this.#special(this.#map(depth)) : this.#list(depth)
    }
    for (const [word, value] of LITERALS) {
      if (!this.#text.startsWith(word, this.#at)) continue
      this.#at += word.length
      return value
    }
    const number = this.#match(NUMBER)
    if (number === null) throw this.#unexpected('a value')
    return toNumber(number[0], number[1] !== undefined || number[2] !== undefined)
  }

  #list(depth: number): DagValue[] {
    const list: DagValue[] = []
    while (this.#peek() !== ']') {
      list.push(this.#value(depth + 1))
      this.#separator(']')
    }
    this.#at += 1
    return list
  }

  #map(depth: number): DagMap {
    const map: DagMap = new Map()
    while (this.#peek() !== '}') {
      if (this.#peek() !== '"') throw this.#unexpected('a map key')
      const key = this.#string()
      if (this.#peek() !== ':') throw this.#unexpected('a colon')
      this.#at += 1
      const value = this.#value(depth + 1)
      if (map.has(key)) throw malformed('json', `cannot repeat map key ${JSON.stringify(key)}`)
      map.set(key, value)
      this.#separator('}')
    }
    this.#at += 1
    return map
  }

  /** Takes a comma; what closes may stand in its place, or, as the reference implementation has it, after it. */
  #separator(close: string): void {
    const character = this.#peek()
    if (character === ',') this.#at += 1
    else if (character !== close) throw this.#unexpected('a comma')
  }

  #string(): string {
    this.#at += 1
    let text = ''
    for (;;) {
      text += this.#match(PLAIN)?.[0] ?? ''
      const character = this.#text[this.#at]
      this.#at += 1
      if (character === '"') return text
      if (character === undefined) throw malformed('json', 'unexpected end')
      if (character !== '\\')
        throw malformed('json', `control character 0x${character.charCodeAt(0).toString(16)} in a string`)
      text += this.#escape()
    }
  }

  #escape(): string {
    const letter = this.#text[this.#at] ?? ''
    this.#at += 1
    if (letter !== 'u') {
      const meaning = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined
      if (meaning === undefined) throw malformed('json', `invalid escape ${JSON.stringify(`\\${letter}`)}`)
      return meaning
    }
    const unit = this.#unit()
    if (unit < 0xd800 || unit > 0xdfff) return String.fromCharCode(unit)
    // A surrogate counts with its other half only.
    const start = this.#at
    if (unit < 0xdc00 && this.#text.startsWith('\\u', start)) {
      this.#at += 2
      const low = this.#unit()
      if (low >= 0xdc00 && low <= 0xdfff) return String.fromCharCode(unit, low)
      this.#at = start
    }
    return '\ufffd'
  }

  #unit(): number {
    const digits = this.#text.slice(this.#at, this.#at + 4)
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw malformed('json', 'invalid \\u escape')
    this.#at += 4
    return Number.parseInt(digits, 16)
  }

  /** Returns the link or the bytes that a map stands for, or the map itself. */
  #special(map: DagMap): DagValue {
    if (!this.#links || map.size !== 1) return map
    const value = map.get('/')
    if (typeof value === 'string') return toLink(value)
    if (!(value instanceof Map) || value.size !== 1) return map
    const base64 = value.get('bytes')
    return typeof base64 === 'string' ? toBytes(base64) : map
  }

  #unexpected(wanted: string): Error {
    const character = this.#text[this.#at] ?? 'the end'
    return malformed('json', `expected ${wanted}, found ${JSON.stringify(character)}`)
  }
}

/** Each bigint is an object: of the small ones, which occur most, there is one each. */
const SMALL: readonly bigint[] = Array.from({ length: 1000 }, (_, nth) => BigInt(nth))

function toNumber(text: string, isFloat: boolean): DagValue {
  if (isFloat) {
    const value = Number(text)
    if (!Number.isFinite(value)) throw malformed('json', `number ${shorten(text)} is out of range`)
    return value
  }
  const small = text.length < 4 ? SMALL[Number(text)] : undefined
  if (small !== undefined) return small
  const value = text.length > 20 ? INT64_MAX + 1n : BigInt(text)
  if (value > INT64_MAX || value < INT64_MIN) throw malformed('json', `integer ${shorten(text)} is out of range`)
  return value
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 37)}...` : text
}

function toLink(text: string): CID {
  try {
    return decodeCid(text).cid
  } catch (error) {
    if (!(error instanceof CidError)) throw error
    throw malformed('json', `invalid CID ${JSON.stringify(shorten(text))} in a link: ${error.message}`)
  }
}

function toBytes(text: string): Uint8Array {
  const digits = text.replace(/[\r\n]/g, '')
  const body = digits.replace(/={1,2}$/, '')
  const isWhole = digits.length === body.length || digits.length % 4 === 0
  if (!/^[A-Za-z0-9+/]*$/.test(body) || body.length % 4 === 1 || !isWhole) {
    throw malformed('json', `illegal base64 data ${JSON.stringify(shorten(text))}`)
  }
  return new Uint8Array(Buffer.from(body, 'base64'))
}

/** How JSON is laid out: DAG-JSON is one line with sorted keys, plain `json` is indented and as it comes. */
export interface JsonOptions {
  /** Links and bytes are written as `{"/": …}` (the default); without, they are refused. */
  readonly links?: boolean
  /** The keys are sorted and nothing is indented (the default). */
  readonly canonical?: boolean
}

/** Returns the canonical DAG-JSON of a value, or plain JSON as the options say, byte for byte as the reference implementation writes it. */
export function encodeJson(value: DagValue, options: JsonOptions = {}): Uint8Array {
  const links = options.links ?? true
  const canonical = options.canonical ?? true
  const text = new TextBytes()
  writeValue(text, value, 0, links, canonical)
  if (!canonical && isContainer(value)) text.push('\n')
  return text.finish()
}

const PARTS_MAX = 4096

/** Text that becomes bytes as it grows: a large one is not held as its thousands of parts. */
class TextBytes {
  readonly #encoder = new TextEncoder()
  readonly #done: Uint8Array[] = []
  #parts: string[] = []

  push(...parts: readonly string[]): void {
    for (const part of parts) this.#parts.push(part)
    if (this.#parts.length >= PARTS_MAX) this.#encode()
  }

  finish(): Uint8Array {
    this.#encode()
    const [only] = this.#done
    return only !== undefined && this.#done.length === 1 ? only : new Uint8Array(Buffer.concat(this.#done))
  }

  #encode(): void {
    this.#done.push(this.#encoder.encode(this.#parts.join('')))
    this.#parts = []
  }
}

function isContainer(value: DagValue): boolean {
  return Array.isArray(value) || value instanceof Map
}

function writeValue(parts: TextBytes, value: DagValue, depth: number, links: boolean, canonical: boolean): void {
  if (value === null || typeof value === 'boolean') parts.push(String(value))
  else if (typeof value === 'bigint') parts.push(integerText(value))
  else if (typeof value === 'number') parts.push(floatText(value))
  else if (typeof value === 'string') parts.push(stringText(value))
  else if (isLink(value)) {
    if (!links) throw malformed('json', 'links cannot be written in plain json')
    parts.push('{"/":"', formatCid(value, AS_THEY_ARE), '"}')
  } else if (value instanceof Uint8Array) {
    if (!links) throw malformed('json', 'bytes cannot be written in plain json')
    parts.push('{"/":{"bytes":"', base64(value), '"}}')
  } else {
    if (depth >= DEPTH_MAX) throw malformed('json', `nested more than ${DEPTH_MAX} deep`)
    writeContainer(parts, value, depth, links, canonical)
  }
}

function writeContainer(
  parts: TextBytes,
  value: DagValue[] | DagMap,
  depth: number,
  links: boolean,
  canonical: boolean,
): void {
  const line = canonical ? '' : `\n${'\t'.repeat(depth + 1)}`
  let separator = line
  if (Array.isArray(value)) {
    parts.push('[')
    for (const item of value) {
      parts.push(separator)
      writeValue(parts, item, depth + 1, links, canonical)
      separator = `,${line}`
    }
  } else {
    parts.push('{')
    const entries = canonical ? [...value].sort(([one], [other]) => compareKeys(one, other)) : value
    for (const [key, item] of entries) {
      parts.push(separator, stringText(key), canonical ? ':' : ': ')
      writeValue(parts, item, depth + 1, links, canonical)
      separator = `,${line}`
    }
  }
  if (separator !== line && !canonical) parts.push(`\n${'\t'.repeat(depth)}`)
  parts.push(Array.isArray(value) ? ']' : '}')
}

function integerText(value: bigint): string {
  if (value > INT64_MAX) throw malformed('json', `integer ${value} is out of range`)
  return value.toString()
}

function floatText(value: number): string {
  if (!Number.isFinite(value)) throw malformed('json', `${value} cannot be written`)
  return Object.is(value, -0) ? '-0' : String(value)
}

const ESCAPED = /["\\\u0000-\u001f\u2028\u2029\ud800-\udfff]/
const ESCAPED_ALL = /["\\\u0000-\u001f\u2028\u2029]|[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]/g

function stringText(value: string): string {
  if (!ESCAPED.test(value)) return `"${value}"`
  return `"${value.replace(ESCAPED_ALL, escapeCharacter)}"`
}

function escapeCharacter(character: string): string {
  if (character.length === 2) return character
  if (character === '"' || character === '\\') return `\\${character}`
  if (character === '\n') return '\\n'
  if (character === '\r') return '\\r'
  if (character === '\t') return '\\t'
  const code = character.charCodeAt(0)
  if (code >= 0xd800 && code <= 0xdfff) return '\\ufffd'
  return `\\u${code.toString(16).padStart(4, '0')}`
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64').replace(/=+$/, '')
}
