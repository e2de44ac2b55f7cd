import type { CID } from 'multiformats/cid'
import { nameFromBytes } from '../contract/surrogate-escape.ts'
import { cidFromBytes, DEPTH_MAX, malformed, NODE_BYTES_MAX, plainCid } from './dag-model.ts'

const TAG_LINK = 42

/** Reads the heads of CBOR data items, with the rules of DAG-CBOR: lengths are definite and written in the shortest way. */
export class CborReader {
  readonly bytes: Uint8Array
  readonly #view: DataView
  at = 0
  /** The major type (0 to 7) of the head that was read last. */
  major = 0
  /** The low five bits of the head that was read last. */
  info = 0
  /** Where the text or bytes that were stepped over last begin. */
  text = 0

  constructor(bytes: Uint8Array) {
    if (bytes.length > NODE_BYTES_MAX) throw malformed('cbor', `larger than ${NODE_BYTES_MAX} bytes`)
    this.bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** Returns the number in the next head; above 2^53 it is not exact, `exact()` has it then. */
  head(): number {
    const first = this.bytes[this.at]
    if (first === undefined) throw malformed('cbor', 'unexpected end')
    this.major = first >> 5
    this.info = first & 0x1f
    this.at += 1
    if (this.info < 24) return this.info
    if (this.major === 7) return 0
    return this.#argument()
  }

  #argument(): number {
    const width = this.info > 27 ? 0 : 1 << (this.info - 24)
    if (width === 0) {
      throw malformed(
        'cbor',
        this.info === 31 ? 'indefinite length' : `invalid head 0x${((this.major << 5) | this.info).toString(16)}`,
      )
    }
    const at = this.take(width)
    const value =
      width === 1
        ? this.#view.getUint8(at)
        : width === 2
          ? this.#view.getUint16(at)
          : width === 4
            ? this.#view.getUint32(at)
            : Number(this.#view.getBigUint64(at))
    const least = width === 1 ? 24 : width === 2 ? 0x100 : width === 4 ? 0x10000 : 0x100000000
    if (value < least) throw malformed('cbor', 'integer is not written in its shortest form')
    return value
  }

  /** Returns the number in the head that was read last, exactly. */
  exact(value: number): bigint {
    return this.info === 27 ? this.#view.getBigUint64(this.at - 8) : BigInt(value)
  }

  /** Steps over `length` bytes and returns where they begin. */
  take(length: number): number {
    const at = this.at
    if (length > this.bytes.length - at) throw malformed('cbor', 'unexpected end')
    this.at = at + length
    return at
  }

  /** Returns the float whose head was read last, or undefined when it was another simple value. */
  float(): number | undefined {
    const width = this.info === 25 ? 2 : this.info === 26 ? 4 : this.info === 27 ? 8 : 0
    if (width === 0) return undefined
    const at = this.take(width)
    const value =
      width === 2 ? half(this.#view.getUint16(at)) : width === 4 ? this.#view.getFloat32(at) : this.#view.getFloat64(at)
    if (!Number.isFinite(value)) throw malformed('cbor', `${value} is not allowed`)
    return value
  }

  /** Reads the CID of a link, whose tag was read before. */
  link(): CID {
    const length = this.#linkLength()
    return this.#cid(this.at - length, this.at)
  }

  /** Steps over a link, whose tag was read before, and returns where its CID begins; it ends where the reader stands. */
  skipLink(): number {
    const length = this.#linkLength()
    const start = this.at - length
    if (plainCid(this.bytes.subarray(start, this.at)) === undefined) this.#cid(start, this.at)
    return start
  }

  /** Steps over a link, and returns the length of the CID that it ends with. */
  #linkLength(): number {
    const length = this.head()
    if (this.major !== 2) throw malformed('cbor', 'tag 42 is for byte strings')
    const at = this.take(length)
    if (length < 1 || this.bytes[at] !== 0) throw malformed('cbor', 'invalid multibase on IPLD link')
    return length - 1
  }

  #cid(start: number, end: number): CID {
    try {
      return cidFromBytes(this.bytes, start, end)
    } catch (error) {
      throw malformed('cbor', `invalid CID in a link: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}

/**
 * Returns the links of a dag-cbor block in the order in which they stand, without building its objects. Each CID, a view of
 * `bytes`, is made when it is asked for: tens of thousands take tens of MiB. Throws at once for what is malformed.
 */
export function eachLinkOfDagCbor(bytes: Uint8Array): Iterable<CID> {
  // Keys in the order of dag-cbor are all different. Only where they are not in order each is kept and looked for.
  const places = scan(bytes, () => new OrderedKeys()) ?? scan(bytes, () => new AnyKeys()) ?? []
  return cidsAt(bytes, places)
}

function* cidsAt(bytes: Uint8Array, places: readonly number[]): Iterable<CID> {
  for (let nth = 0; nth < places.length; nth += 2) {
    const [start = 0, end = 0] = [places[nth], places[nth + 1]]
    yield plainCid(bytes.subarray(start, end)) ?? cidFromBytes(bytes, start, end)
  }
}

/** The keys of a map that is open. */
interface Keys {
  /** Takes the next key. Returns false when it cannot be told whether it was there before. */
  add(bytes: Uint8Array, from: number, to: number): boolean
}

class OrderedKeys implements Keys {
  #from = 0
  #to = -1

  add(bytes: Uint8Array, from: number, to: number): boolean {
    const length = this.#to - this.#from
    const isLater =
      to - from > length || (to - from === length && compareBytes(bytes, { from, length }, this.#from) > 0)
    this.#from = from
    this.#to = to
    return isLater
  }
}

class AnyKeys implements Keys {
  readonly #keys = new Set<string>()

  add(bytes: Uint8Array, from: number, to: number): boolean {
    // As text, which is how they are read: names that differ in bytes that are no UTF-8 differ there too.
    const key = nameFromBytes(bytes.subarray(from, to))
    if (this.#keys.has(key)) throw malformed('cbor', `duplicate map key ${JSON.stringify(key)}`)
    this.#keys.add(key)
    return true
  }
}

function compareBytes(bytes: Uint8Array, { from, length }: { from: number; length: number }, other: number): number {
  for (let i = 0; i < length; i += 1) {
    const difference = (bytes[from + i] ?? 0) - (bytes[other + i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** Returns where the CID of each link begins and ends; undefined when keys could not be told apart. */
function scan(bytes: Uint8Array, openKeys: () => Keys): number[] | undefined {
  const reader = new CborReader(bytes)
  const links: number[] = []
  // For each open list or map, how many items are still to come. A map of n entries has 2n, keys at the even places.
  const left: number[] = []
  const keys: (Keys | undefined)[] = []
  let items = 1
  let map: Keys | undefined
  for (;;) {
    while (items === 0 && left.length > 0) {
      items = left.pop() ?? 0
      map = keys.pop()
    }
    if (items === 0) break
    const isKey = map !== undefined && items % 2 === 0
    items -= 1
    const count = scanItem(reader, links, isKey)
    if (isKey && map?.add(bytes, reader.text, reader.at) === false) return undefined
    if (count < 0) continue
    if (left.length >= DEPTH_MAX) throw malformed('cbor', `nested more than ${DEPTH_MAX} deep`)
    left.push(items)
    keys.push(map)
    map = reader.major === 5 ? openKeys() : undefined
    items = map === undefined ? count : count * 2
  }
  if (reader.at !== bytes.length) throw malformed('cbor', 'unexpected content after the end')
  return links
}

/** Steps over one item. Returns the number of entries of a list or map that it opened, else -1. */
function scanItem(reader: CborReader, links: number[], isKey: boolean): number {
  let value = reader.head()
  if (reader.major === 6) {
    value = readTag(reader, value, links)
    if (value < 0) {
      if (isKey) throw malformed('cbor', 'a map key is not a string')
      return -1
    }
  }
  if (isKey && reader.major !== 3) throw malformed('cbor', 'a map key is not a string')
  switch (reader.major) {
    case 2:
    case 3:
      reader.text = reader.take(value)
      return -1
    case 4:
    case 5:
      // Every entry takes a byte at least: what was merely claimed is refused before anything waits for it.
      if (value > reader.bytes.length - reader.at) throw malformed('cbor', 'unexpected end')
      return value
    case 7:
      if (reader.float() === undefined) checkSimple(reader)
      return -1
    default:
      if (reader.major === 1) checkNegative(reader, value)
      return -1
  }
}

/** Reads what follows a tag: a link, whose result is -1, else the head of the item (other tags count for nothing). */
function readTag(reader: CborReader, tag: number, links: number[]): number {
  const start = reader.at
  const value = reader.head()
  if (reader.major === 6) throw malformed('cbor', 'several tags on one item')
  if (reader.major !== 2) return value
  if (tag !== TAG_LINK) throw malformed('cbor', `unhandled tag ${tag}`)
  reader.at = start
  links.push(reader.skipLink(), reader.at)
  return -1
}

/** Throws unless the simple value whose head was read last is null, undefined, true or false. */
export function checkSimple(reader: CborReader): void {
  if (reader.info < 20 || reader.info > 23) {
    throw malformed('cbor', `invalid head 0x${((reader.major << 5) | reader.info).toString(16)}`)
  }
}

/** Throws when the negative integer whose head was read last does not fit into 64 bits with a sign. */
export function checkNegative(reader: CborReader, value: number): void {
  if (value >= 2 ** 53 && reader.exact(value) > 0x7fffffffffffffffn) {
    throw malformed('cbor', 'negative integer out of range')
  }
}

function half(bits: number): number {
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  const sign = bits & 0x8000 ? -1 : 1
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}
