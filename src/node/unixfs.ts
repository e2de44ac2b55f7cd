import { Failure } from '../contract/failure.ts'
import { varintLength, writeVarint } from './dag-pb.ts'

export type UnixFsType = 'raw' | 'directory' | 'file' | 'metadata' | 'symlink' | 'hamt-sharded-directory'

const TYPES: readonly UnixFsType[] = ['raw', 'directory', 'file', 'metadata', 'symlink', 'hamt-sharded-directory']

/** The data of a UnixFS node (https://specs.ipfs.tech/unixfs/). Sizes come from whoever wrote it: never trusted. */
export interface UnixFs {
  readonly type: UnixFsType
  /** A view of what was decoded. */
  readonly data?: Uint8Array | undefined
  /** Bytes of the whole file. A number where it is exact, else a bigint. */
  readonly fileSize?: number | bigint | undefined
  /** Bytes of the file below each link. */
  readonly blockSizes?: readonly (number | bigint)[] | undefined
  readonly hashType?: number | bigint | undefined
  readonly fanout?: number | bigint | undefined
  /** Permission bits, and whatever else the writer put there. */
  readonly mode?: number | undefined
  readonly mtime?: { readonly seconds: number | bigint; readonly nanoseconds?: number | undefined } | undefined
}

/** Decodes the data of a UnixFS node. Unknown fields are passed over, as protobuf wants. Throws `failed`. */
export function decodeUnixfs(bytes: Uint8Array): UnixFs {
  const reader = new Reader(bytes)
  const blockSizes: (number | bigint)[] = []
  const found: { -readonly [K in keyof UnixFs]?: UnixFs[K] } = {}
  while (reader.at < bytes.length) {
    const tag = Number(reader.varint())
    switch (tag) {
      case 0x08:
        found.type = typeOf(reader.varint())
        break
      case 0x12:
        found.data = reader.bytes()
        break
      case 0x18:
        found.fileSize = reader.varint()
        break
      case 0x20:
        blockSizes.push(reader.varint())
        break
      case 0x22:
        blockSizes.push(...packed(reader.bytes()))
        break
      case 0x28:
        found.hashType = reader.varint()
        break
      case 0x30:
        found.fanout = reader.varint()
        break
      case 0x38:
        found.mode = Number(BigInt.asUintN(32, BigInt(reader.varint())))
        break
      case 0x42:
        found.mtime = decodeTime(reader.bytes())
        break
      default:
        reader.skip(tag)
    }
  }
  if (found.type === undefined) throw malformed('it has no type')
  return { ...found, type: found.type, blockSizes }
}

function typeOf(value: number | bigint): UnixFsType {
  const type = TYPES[Number(value)]
  if (type === undefined) throw malformed(`type ${value} is not known`)
  return type
}

function packed(bytes: Uint8Array): (number | bigint)[] {
  const reader = new Reader(bytes)
  const values: (number | bigint)[] = []
  while (reader.at < bytes.length) values.push(reader.varint())
  return values
}

function decodeTime(bytes: Uint8Array): { seconds: number | bigint; nanoseconds: number } {
  const reader = new Reader(bytes)
  let seconds: number | bigint | undefined
  let nanoseconds = 0
  while (reader.at < bytes.length) {
    const tag = Number(reader.varint())
    if (tag === 0x08) seconds = exact(BigInt.asIntN(64, BigInt(reader.varint())))
    else if (tag === 0x15) nanoseconds = reader.fixed32()
    else reader.skip(tag)
  }
  if (seconds === undefined) throw malformed('its time has no seconds')
  if (nanoseconds > 999_999_999) throw malformed('its time has more than a second of nanoseconds')
  return { seconds, nanoseconds }
}

function exact(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

function malformed(reason: string): Failure {
  return new Failure('failed', `malformed UnixFS: ${reason}`)
}

class Reader {
  at = 0
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  varint(): number | bigint {
    let value = 0
    let factor = 1
    for (let count = 0; count < 7; count++) {
      const byte = this.#next()
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
      factor *= 128
    }
    let large = BigInt(value)
    for (let count = 7; count < 10; count++) {
      const byte = this.#next()
      large |= BigInt(byte & 0x7f) << BigInt(7 * count)
      if (byte < 0x80) return exact(BigInt.asUintN(64, large))
    }
    throw malformed('a number is too long')
  }

  #next(): number {
    const byte = this.#bytes[this.at++]
    if (byte === undefined) throw malformed('it ends in the middle of a number')
    return byte
  }

  bytes(): Uint8Array {
    const length = Number(this.varint())
    const end = this.at + length
    if (end > this.#bytes.length) throw malformed('it ends in the middle of a field')
    const part = this.#bytes.subarray(this.at, end)
    this.at = end
    return part
  }

  fixed32(): number {
    const at = this.at
    this.at += 4
    if (this.at > this.#bytes.length) throw malformed('it ends in the middle of a field')
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + at, 4).getUint32(0, true)
  }

  skip(tag: number): void {
    const wire = tag & 7
    if (tag >> 3 === 0) throw malformed('field 0')
    if (wire === 0) this.varint()
    else if (wire === 2) this.bytes()
    else if (wire === 5) this.at += 4
    else if (wire === 1) this.at += 8
    else throw malformed(`wire type ${wire}`)
    if (this.at > this.#bytes.length) throw malformed('it ends in the middle of a field')
  }
}

/** Encodes the data of a UnixFS node, field by field in their order; what is undefined is left out. */
export function encodeUnixfs(node: UnixFs): Uint8Array {
  const time = node.mtime === undefined ? undefined : encodeTime(node.mtime)
  const sizes = node.blockSizes ?? []
  let total = 2
  if (node.data !== undefined) total += 1 + varintLength(node.data.length) + node.data.length
  for (const value of [node.fileSize, node.hashType, node.fanout, node.mode]) {
    if (value !== undefined) total += 1 + anyLength(value)
  }
  for (const size of sizes) total += 1 + anyLength(size)
  if (time !== undefined) total += 2 + time.length
  const out = new Uint8Array(total)
  out[0] = 0x08
  out[1] = TYPES.indexOf(node.type)
  let at = 2
  if (node.data !== undefined) {
    out[at] = 0x12
    at = writeVarint(out, at + 1, node.data.length)
    out.set(node.data, at)
    at += node.data.length
  }
  const field = (tag: number, value: number | bigint | undefined): void => {
    if (value === undefined) return
    out[at] = tag
    at = writeAny(out, at + 1, value)
  }
  field(0x18, node.fileSize)
  for (const size of sizes) field(0x20, size)
  field(0x28, node.hashType)
  field(0x30, node.fanout)
  field(0x38, node.mode)
  if (time !== undefined) {
    out[at] = 0x42
    out[at + 1] = time.length
    out.set(time, at + 2)
  }
  return out
}

function encodeTime(time: {
  readonly seconds: number | bigint
  readonly nanoseconds?: number | undefined
}): Uint8Array {
  const seconds = BigInt.asUintN(64, BigInt(time.seconds))
  const nanoseconds = time.nanoseconds ?? 0
  const out = new Uint8Array(1 + anyLength(seconds) + (nanoseconds > 0 ? 5 : 0))
  out[0] = 0x08
  const at = writeAny(out, 1, seconds)
  if (nanoseconds > 0) {
    out[at] = 0x15
    new DataView(out.buffer).setUint32(at + 1, nanoseconds, true)
  }
  return out
}

function anyLength(value: number | bigint): number {
  if (typeof value === 'number' && value >= 0) return varintLength(value)
  let length = 1
  for (let rest = BigInt.asUintN(64, BigInt(value)); rest >= 0x80n; rest >>= 7n) length += 1
  return length
}

function writeAny(out: Uint8Array, at: number, value: number | bigint): number {
  if (typeof value === 'number' && value >= 0) return writeVarint(out, at, value)
  let position = at
  let rest = BigInt.asUintN(64, BigInt(value))
  for (; rest >= 0x80n; rest >>= 7n) out[position++] = Number(rest & 0x7fn) | 0x80
  out[position++] = Number(rest)
  return position
}
