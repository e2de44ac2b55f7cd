import type { CID } from 'multiformats/cid'
import { nameFromBytes, nameToBytes } from '../contract/surrogate-escape.ts'
import { CborReader, checkNegative, checkSimple } from './dag-cbor-scan.ts'
import { compareKeys, type DagMap, type DagValue, DEPTH_MAX, isLink, malformed, NODE_BYTES_MAX } from './dag-model.ts'

/** What the plain `cbor` codec does otherwise than `dag-cbor`. */
export interface CborOptions {
  /** Tag 42 is a link (the default). */
  readonly links?: boolean
  /** Map keys are written in the order of dag-cbor (the default), not as they come. */
  readonly sort?: boolean
}

const TAG_LINK = 42

/** Returns the value of a CBOR object. Throws a Failure for everything that the reference implementation refuses. */
export function decodeCbor(bytes: Uint8Array, options: CborOptions = {}): DagValue {
  const reader = new CborReader(bytes)
  const value = readValue(reader, 0, options.links ?? true)
  if (reader.at !== bytes.length) throw malformed('cbor', 'unexpected content after the end')
  return value
}

// Recursion goes at most DEPTH_MAX deep.
function readValue(reader: CborReader, depth: number, links: boolean): DagValue {
  let value = reader.head()
  let tag = -1
  if (reader.major === 6) {
    tag = value
    const start = reader.at
    value = reader.head()
    if (reader.major === 6) throw malformed('cbor', 'several tags on one item')
    if (reader.major === 2) {
      if (tag !== TAG_LINK || !links) throw malformed('cbor', `unhandled tag ${tag}`)
      reader.at = start
      return reader.link()
    }
  }
  switch (reader.major) {
    case 0:
      return reader.exact(value)
    case 1:
      checkNegative(reader, value)
      return -1n - reader.exact(value)
    case 2: {
      const at = reader.take(value)
      return reader.bytes.slice(at, at + value)
    }
    case 3:
      return readString(reader, value)
    case 4:
      return readList(reader, value, depth, links)
    case 5:
      return readMap(reader, value, depth, links)
    default:
      return readSimple(reader)
  }
}

function readSimple(reader: CborReader): DagValue {
  const float = reader.float()
  if (float !== undefined) return float
  checkSimple(reader)
  return reader.info === 20 ? false : reader.info === 21 ? true : null
}

function readString(reader: CborReader, length: number): string {
  const at = reader.take(length)
  return nameFromBytes(reader.bytes.subarray(at, at + length))
}

function readList(reader: CborReader, count: number, depth: number, links: boolean): DagValue[] {
  checkOpen(reader, count, depth)
  const list: DagValue[] = []
  for (let i = 0; i < count; i += 1) list.push(readValue(reader, depth + 1, links))
  return list
}

function readMap(reader: CborReader, count: number, depth: number, links: boolean): DagMap {
  checkOpen(reader, count, depth)
  const map: DagMap = new Map()
  for (let i = 0; i < count; i += 1) {
    let length = reader.head()
    if (reader.major === 6) length = reader.head()
    if (reader.major !== 3) throw malformed('cbor', 'a map key is not a string')
    const key = readString(reader, length)
    if (map.has(key)) throw malformed('cbor', `duplicate map key ${JSON.stringify(key)}`)
    map.set(key, readValue(reader, depth + 1, links))
  }
  return map
}

function checkOpen(reader: CborReader, count: number, depth: number): void {
  if (depth >= DEPTH_MAX) throw malformed('cbor', `nested more than ${DEPTH_MAX} deep`)
  if (count > reader.bytes.length - reader.at) throw malformed('cbor', 'unexpected end')
}

/** Returns the CBOR object of a value: canonical dag-cbor, unless the options say otherwise. */
export function encodeCbor(value: DagValue, options: CborOptions = {}): Uint8Array {
  const writer = new CborWriter()
  writeValue(writer, value, 0, { links: options.links ?? true, sort: options.sort ?? true })
  return writer.finish()
}

class CborWriter {
  #bytes = new Uint8Array(1024)
  #view = new DataView(this.#bytes.buffer)
  #at = 0

  #reserve(length: number): number {
    const at = this.#at
    this.#at = at + length
    if (this.#at > NODE_BYTES_MAX) throw malformed('cbor', `larger than ${NODE_BYTES_MAX} bytes`)
    if (this.#at > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#at, this.#bytes.length * 2))
      grown.set(this.#bytes)
      this.#bytes = grown
      this.#view = new DataView(grown.buffer)
    }
    return at
  }

  head(major: number, value: number): void {
    const top = major << 5
    if (value < 24) {
      this.byte(top | value)
    } else if (value < 0x100) {
      const at = this.#reserve(2)
      this.#view.setUint16(at, ((top | 24) << 8) | value)
    } else if (value < 0x10000) {
      this.byte(top | 25)
      // Before the view is looked at, since making room may replace it.
      const at = this.#reserve(2)
      this.#view.setUint16(at, value)
    } else if (value < 0x100000000) {
      this.byte(top | 26)
      const at = this.#reserve(4)
      this.#view.setUint32(at, value)
    } else {
      this.bigHead(major, BigInt(value))
    }
  }

  bigHead(major: number, value: bigint): void {
    if (value < 0x100000000n) {
      this.head(major, Number(value))
      return
    }
    this.byte((major << 5) | 27)
    const at = this.#reserve(8)
    this.#view.setBigUint64(at, value)
  }

  float(value: number): void {
    this.byte(0xfb)
    const at = this.#reserve(8)
    this.#view.setFloat64(at, value)
  }

  byte(value: number): void {
    const at = this.#reserve(1)
    this.#bytes[at] = value
  }

  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length)
    this.#bytes.set(bytes, at)
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#at)
  }
}

function writeValue(writer: CborWriter, value: DagValue, depth: number, options: Required<CborOptions>): void {
  if (value === null) writer.byte(0xf6)
  else if (typeof value === 'boolean') writer.byte(value ? 0xf5 : 0xf4)
  else if (typeof value === 'bigint') writeInteger(writer, value)
  else if (typeof value === 'number') writer.float(value)
  else if (typeof value === 'string') writeString(writer, value)
  else if (isLink(value)) writeLink(writer, value, options)
  else if (value instanceof Uint8Array) {
    writer.head(2, value.length)
    writer.raw(value)
  } else {
    if (depth >= DEPTH_MAX) throw malformed('cbor', `nested more than ${DEPTH_MAX} deep`)
    if (Array.isArray(value)) {
      writer.head(4, value.length)
      for (const item of value) writeValue(writer, item, depth + 1, options)
    } else {
      writer.head(5, value.size)
      for (const [key, item] of options.sort ? [...value].sort(byLength) : value) {
        writeString(writer, key)
        writeValue(writer, item, depth + 1, options)
      }
    }
  }
}

function writeInteger(writer: CborWriter, value: bigint): void {
  if (value >= 0n) writer.bigHead(0, value)
  else writer.bigHead(1, -1n - value)
}

function writeString(writer: CborWriter, value: string): void {
  const bytes = nameToBytes(value)
  writer.head(3, bytes.length)
  writer.raw(bytes)
}

function writeLink(writer: CborWriter, cid: CID, options: Required<CborOptions>): void {
  if (!options.links) throw malformed('cbor', 'links cannot be written in plain cbor')
  writer.head(6, TAG_LINK)
  writer.head(2, cid.bytes.length + 1)
  writer.byte(0)
  writer.raw(cid.bytes)
}

/** The order of dag-cbor: shorter keys first, then by their bytes. */
function byLength([one]: [string, DagValue], [other]: [string, DagValue]): number {
  return byteLength(one) - byteLength(other) || compareKeys(one, other)
}

function byteLength(key: string): number {
  return nameToBytes(key).length
}
