import { nameFromBytes, nameToBytes } from '../contract/surrogate-escape.ts'
import { cidFromBytes, type DagMap, type DagValue, isLink, malformed } from './dag-model.ts'

/**
 * dag-pb as a value of the data model: `{Links: [{Hash, Name, Tsize}], Data}`. What a block leaves out is null, as
 * the reference implementation shows it; when written, null and absent are the same.
 */
export function decodeDagPbForm(bytes: Uint8Array): DagValue {
  const reader = new ProtoReader(bytes, 0, bytes.length)
  const links: DagValue[] = []
  let data: Uint8Array | null = null
  let last = 0
  while (!reader.done) {
    const { field, wire } = reader.tag()
    if (wire !== 2) throw malformed('dag-pb', `wrong wire type ${wire}`)
    if (field === 1) {
      if (data !== null) throw malformed('dag-pb', 'two Data sections')
      const [start, end] = reader.chunk()
      data = bytes.slice(start, end)
    } else if (field === 2) {
      if (links.length > 0 && last !== 2) throw malformed('dag-pb', 'two Links sections')
      const [start, end] = reader.chunk()
      links.push(decodeLink(new ProtoReader(bytes, start, end)))
    } else {
      throw malformed('dag-pb', `unknown field ${field}`)
    }
    last = field
  }
  return new Map<string, DagValue>([
    ['Links', links],
    ['Data', data],
  ])
}

const WIRES: readonly number[] = [-1, 2, 2, 0]

function decodeLink(reader: ProtoReader): DagMap {
  const link: DagMap = new Map<string, DagValue>([
    ['Hash', null],
    ['Name', null],
    ['Tsize', null],
  ])
  let last = 0
  while (!reader.done) {
    const { field, wire } = reader.tag()
    if (field < 1 || field > 3) throw malformed('dag-pb', `unknown field ${field} in a link`)
    if (field <= last) throw malformed('dag-pb', 'the fields of a link are out of order')
    if (WIRES[field] !== wire) throw malformed('dag-pb', `wrong wire type ${wire} in a link`)
    last = field
    if (field === 3) {
      link.set('Tsize', BigInt.asIntN(64, reader.varint()))
      continue
    }
    const [start, end] = reader.chunk()
    if (field === 2) link.set('Name', nameFromBytes(reader.bytes.subarray(start, end)))
    else link.set('Hash', readHash(reader.bytes, start, end))
  }
  if (link.get('Hash') === null) throw malformed('dag-pb', 'a link has no Hash')
  return link
}

function readHash(bytes: Uint8Array, start: number, end: number): DagValue {
  try {
    return cidFromBytes(bytes, start, end)
  } catch (error) {
    throw malformed('dag-pb', `invalid CID in a link: ${error instanceof Error ? error.message : String(error)}`)
  }
}

class ProtoReader {
  readonly bytes: Uint8Array
  readonly #end: number
  #at: number

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.bytes = bytes
    this.#at = start
    this.#end = end
  }

  get done(): boolean {
    return this.#at >= this.#end
  }

  varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.done) throw malformed('dag-pb', 'unexpected end')
      const byte = this.bytes[this.#at] ?? 0
      this.#at += 1
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) {
        if (value >= 2n ** 64n) break
        return value
      }
    }
    throw malformed('dag-pb', 'varint overflow')
  }

  tag(): { field: number; wire: number } {
    const tag = this.varint()
    if (tag >> 3n > 0x1fffffffn || tag >> 3n === 0n) throw malformed('dag-pb', 'invalid field number')
    return { field: Number(tag >> 3n), wire: Number(tag & 7n) }
  }

  chunk(): [start: number, end: number] {
    const length = this.varint()
    if (length > BigInt(this.#end - this.#at)) throw malformed('dag-pb', 'unexpected end')
    const start = this.#at
    this.#at += Number(length)
    return [start, this.#at]
  }
}

/** Returns the dag-pb block of a value of that form, its links sorted by name (links of one name stay in order). */
export function encodeDagPbForm(value: DagValue): Uint8Array {
  const node = fields(value, ['Data', 'Links'], 'node')
  const list = node.get('Links') ?? null
  if (!Array.isArray(list))
    throw malformed('dag-pb', list === null ? 'missing required field: Links' : 'Links is not a list')
  const links = list.map(encodeLink).sort((one, other) => Buffer.compare(one.name, other.name))
  const parts: Uint8Array[] = []
  for (const { bytes } of links) parts.push(head(2, 2, bytes.length), bytes)
  const data = node.get('Data') ?? null
  if (data !== null) {
    if (!(data instanceof Uint8Array) || isLink(data)) throw malformed('dag-pb', 'Data is not bytes')
    parts.push(head(1, 2, data.length), data)
  }
  return new Uint8Array(Buffer.concat(parts))
}

/** Throws for a node in which a field is null: the schema of dag-pb lets fields be left out, and no more. */
export function refuseNullFields(value: DagValue): void {
  for (const [, name] of nullFields(value)) throw malformed('dag-pb', `${name} is null: leave it out`)
}

/** Takes out of a value of that form what its block leaves out: in another codec it is left out too. */
export function dropNullFields(value: DagValue): void {
  for (const [map, name] of nullFields(value)) map.delete(name)
}

function* nullFields(value: DagValue): Iterable<readonly [map: DagMap, name: string]> {
  if (!(value instanceof Map)) return
  const links = value.get('Links')
  for (const map of [value, ...(Array.isArray(links) ? links : [])]) {
    if (!(map instanceof Map)) continue
    for (const [name, field] of map) if (field === null) yield [map, name]
  }
}

function encodeLink(value: DagValue): { name: Uint8Array; bytes: Uint8Array } {
  const link = fields(value, ['Hash', 'Name', 'Tsize'], 'link')
  const hash = link.get('Hash') ?? null
  if (hash === null || !isLink(hash)) throw malformed('dag-pb', 'a link has no Hash')
  const name = link.get('Name') ?? null
  if (name !== null && typeof name !== 'string') throw malformed('dag-pb', 'the Name of a link is not a string')
  const size = link.get('Tsize') ?? null
  if (size !== null && typeof size !== 'bigint') throw malformed('dag-pb', 'the Tsize of a link is not an integer')
  if (size !== null && (size < 0n || size >= 2n ** 63n))
    throw malformed('dag-pb', `Link has negative or too large Tsize value [${size}]`)
  const nameBytes = nameToBytes(name ?? '')
  const parts = [head(1, 2, hash.bytes.length), hash.bytes]
  if (name !== null) parts.push(head(2, 2, nameBytes.length), nameBytes)
  if (size !== null) parts.push(Uint8Array.of(3 << 3), varintBytes(size))
  return { name: nameBytes, bytes: Buffer.concat(parts) }
}

function fields(value: DagValue, names: readonly string[], subject: string): DagMap {
  if (!(value instanceof Map)) throw malformed('dag-pb', `a ${subject} is not a map`)
  for (const key of value.keys()) {
    if (!names.includes(key)) throw malformed('dag-pb', `unknown field ${JSON.stringify(key)} in a ${subject}`)
  }
  return value
}

function head(field: number, wire: number, length: number): Uint8Array {
  return Uint8Array.from([(field << 3) | wire, ...varintBytes(BigInt(length))])
}

function varintBytes(value: bigint): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
  return Uint8Array.from(bytes)
}
