/**
 * The messages of Bitswap 1.0.0, 1.1.0 and 1.2.0 in protobuf, by hand.
 * Specification: https://specs.ipfs.tech/bitswap-protocol/
 */
import { ENTRIES_MAX } from './limits.ts'

export const BITSWAP_120 = '/ipfs/bitswap/1.2.0'
export const BITSWAP_110 = '/ipfs/bitswap/1.1.0'
export const BITSWAP_100 = '/ipfs/bitswap/1.0.0'
export const BITSWAP_UNVERSIONED = '/ipfs/bitswap'

/** The protocols that are spoken, the best one first. */
export const PROTOCOLS = [BITSWAP_120, BITSWAP_110, BITSWAP_100, BITSWAP_UNVERSIONED]

export type WantType = 'block' | 'have'

export interface WantEntry {
  /** The CID in binary. */
  readonly cid: Uint8Array
  readonly priority: number
  readonly cancel: boolean
  readonly type: WantType
  /** The other side is to say so when it does not have the block. */
  readonly sendDontHave: boolean
}

export interface WireBlock {
  /** Version, codec, hash function and digest length of the CID; undefined in 1.0.0: CIDv0. */
  readonly prefix: Uint8Array | undefined
  readonly data: Uint8Array
}

export interface Presence {
  readonly cid: Uint8Array
  readonly has: boolean
}

export interface Message {
  /** The entries replace what was wanted before. */
  readonly full: boolean
  readonly entries: readonly WantEntry[]
  readonly blocks: readonly WireBlock[]
  readonly presences: readonly Presence[]
  /** Bytes that wait to be sent to the reader. */
  readonly pendingBytes: number
}

/** What protobuf calls wire types. */
const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

class Reader {
  at = 0
  readonly end: number
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.end = bytes.length
  }

  get done(): boolean {
    return this.at >= this.end
  }

  varint(): number {
    let value = 0
    let factor = 1
    for (let length = 0; length < 10; length += 1) {
      const byte = this.#bytes[this.at]
      if (byte === undefined) throw new Error('cut short')
      this.at += 1
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
      factor *= 0x80
    }
    throw new Error('a number is too long')
  }

  bytes(): Uint8Array {
    const length = this.varint()
    const start = this.at
    if (length > this.end - start) throw new Error('cut short')
    this.at = start + length
    return this.#bytes.subarray(start, this.at)
  }

  skip(wireType: number): void {
    if (wireType === VARINT) this.varint()
    else if (wireType === BYTES) this.bytes()
    else if (wireType === FIXED64) this.at += 8
    else if (wireType === FIXED32) this.at += 4
    else throw new Error(`wire type ${wireType}`)
    if (this.at > this.end) throw new Error('cut short')
  }
}

/** Calls `field` for each field; it returns false for those it does not know, which are skipped. */
function readFields(bytes: Uint8Array, field: (tag: number, reader: Reader) => boolean): void {
  const reader = new Reader(bytes)
  while (!reader.done) {
    const tag = reader.varint()
    if (!field(tag, reader)) reader.skip(tag & 7)
  }
}

function tagOf(field: number, wireType: number): number {
  return field * 8 + wireType
}

const ENTRY_CID = tagOf(1, BYTES)
const ENTRY_PRIORITY = tagOf(2, VARINT)
const ENTRY_CANCEL = tagOf(3, VARINT)
const ENTRY_TYPE = tagOf(4, VARINT)
const ENTRY_SEND_DONT_HAVE = tagOf(5, VARINT)
const WANTLIST_ENTRIES = tagOf(1, BYTES)
const WANTLIST_FULL = tagOf(2, VARINT)
const BLOCK_PREFIX = tagOf(1, BYTES)
const BLOCK_DATA = tagOf(2, BYTES)
const PRESENCE_CID = tagOf(1, BYTES)
const PRESENCE_TYPE = tagOf(2, VARINT)
const MESSAGE_WANTLIST = tagOf(1, BYTES)
const MESSAGE_BLOCKS = tagOf(2, BYTES)
const MESSAGE_PAYLOAD = tagOf(3, BYTES)
const MESSAGE_PRESENCES = tagOf(4, BYTES)
const MESSAGE_PENDING = tagOf(5, VARINT)

const INT32_SPAN = 0x1_0000_0000

function decodeEntry(bytes: Uint8Array): WantEntry {
  let cid = new Uint8Array(0)
  let priority = 1
  let cancel = false
  let type: WantType = 'block'
  let sendDontHave = false
  readFields(bytes, (tag, reader) => {
    if (tag === ENTRY_CID) cid = reader.bytes() as Uint8Array<ArrayBuffer>
    else if (tag === ENTRY_PRIORITY) priority = (reader.varint() % INT32_SPAN) | 0
    else if (tag === ENTRY_CANCEL) cancel = reader.varint() !== 0
    else if (tag === ENTRY_TYPE) type = reader.varint() === 1 ? 'have' : 'block'
    else if (tag === ENTRY_SEND_DONT_HAVE) sendDontHave = reader.varint() !== 0
    else return false
    return true
  })
  return { cid, priority, cancel, type, sendDontHave }
}

function decodePresence(bytes: Uint8Array): Presence {
  let cid: Uint8Array = new Uint8Array(0)
  let has = true
  readFields(bytes, (tag, reader) => {
    if (tag === PRESENCE_CID) cid = reader.bytes()
    else if (tag === PRESENCE_TYPE) has = reader.varint() === 0
    else return false
    return true
  })
  return { cid, has }
}

function decodeBlock(bytes: Uint8Array): WireBlock {
  let prefix: Uint8Array = new Uint8Array(0)
  let data: Uint8Array = new Uint8Array(0)
  readFields(bytes, (tag, reader) => {
    if (tag === BLOCK_PREFIX) prefix = reader.bytes()
    else if (tag === BLOCK_DATA) data = reader.bytes()
    else return false
    return true
  })
  return { prefix, data }
}

/** Returns the message in `bytes`, of which it keeps views. Throws an Error when it is not one. */
export function decodeMessage(bytes: Uint8Array): Message {
  let full = false
  let pendingBytes = 0
  const entries: WantEntry[] = []
  const blocks: WireBlock[] = []
  const presences: Presence[] = []
  const wantlist = (part: Uint8Array): void =>
    readFields(part, (tag, reader) => {
      if (tag === WANTLIST_ENTRIES) entries.push(decodeEntry(reader.bytes()))
      else if (tag === WANTLIST_FULL) full = reader.varint() !== 0
      else return false
      return entries.length <= ENTRIES_MAX || tooMany()
    })
  readFields(bytes, (tag, reader) => {
    if (tag === MESSAGE_PAYLOAD) blocks.push(decodeBlock(reader.bytes()))
    else if (tag === MESSAGE_WANTLIST) wantlist(reader.bytes())
    else if (tag === MESSAGE_PRESENCES) presences.push(decodePresence(reader.bytes()))
    else if (tag === MESSAGE_BLOCKS) blocks.push({ prefix: undefined, data: reader.bytes() })
    else if (tag === MESSAGE_PENDING) pendingBytes = reader.varint()
    else return false
    return blocks.length + presences.length <= ENTRIES_MAX || tooMany()
  })
  return { full, entries, blocks, presences, pendingBytes }
}

function tooMany(): never {
  throw new Error('too many entries')
}

function varintLength(value: number): number {
  let length = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length += 1
  return length
}

/** Returns the bytes that a field of `length` bytes takes, its tag (below 16) and length included. */
function fieldLength(length: number): number {
  return 1 + varintLength(length) + length
}

/** Writes into a buffer of the right size, which it does not check. */
class Writer {
  readonly bytes: Uint8Array
  at = 0

  constructor(length: number) {
    this.bytes = new Uint8Array(length)
  }

  varint(value: number): void {
    let rest = value
    while (rest >= 0x80) {
      this.bytes[this.at++] = (rest % 0x80) + 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.bytes[this.at++] = rest
  }

  raw(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.at)
    this.at += bytes.length
  }

  field(tag: number, bytes: Uint8Array): void {
    this.varint(tag)
    this.varint(bytes.length)
    this.raw(bytes)
  }
}

function entryLength({ cid, priority, cancel, type, sendDontHave }: WantEntry): number {
  const flags = (cancel ? 2 : 0) + (type === 'have' ? 2 : 0) + (sendDontHave ? 2 : 0)
  return fieldLength(cid.length) + 1 + varintLength(priority) + flags
}

function writeEntry(writer: Writer, entry: WantEntry): void {
  writer.varint(WANTLIST_ENTRIES)
  writer.varint(entryLength(entry))
  writer.field(ENTRY_CID, entry.cid)
  writer.varint(ENTRY_PRIORITY)
  writer.varint(entry.priority)
  if (entry.cancel) writer.raw(Uint8Array.of(ENTRY_CANCEL, 1))
  if (entry.type === 'have') writer.raw(Uint8Array.of(ENTRY_TYPE, 1))
  if (entry.sendDontHave) writer.raw(Uint8Array.of(ENTRY_SEND_DONT_HAVE, 1))
}

function presenceLength({ cid, has }: Presence): number {
  return fieldLength(cid.length) + (has ? 0 : 2)
}

/** Returns the parts of a message that carry wants, with its length in front. Priorities are not negative. */
export function encodeWants(entries: readonly WantEntry[], full: boolean): Uint8Array {
  let wantlist = full ? 2 : 0
  for (const entry of entries) wantlist += fieldLength(entryLength(entry))
  const total = fieldLength(wantlist)
  const writer = new Writer(varintLength(total) + total)
  writer.varint(total)
  writer.varint(MESSAGE_WANTLIST)
  writer.varint(wantlist)
  for (const entry of entries) writeEntry(writer, entry)
  if (full) writer.raw(Uint8Array.of(WANTLIST_FULL, 1))
  return writer.bytes
}

export interface Reply {
  readonly blocks: readonly WireBlock[]
  readonly presences: readonly Presence[]
  readonly pendingBytes: number
}

/**
 * Returns a message that carries blocks and presences, its length in front, as a list of pieces: the bytes of blocks
 * are not copied. A block without a prefix is written as 1.0.0 has it.
 */
export function encodeReply({ blocks, presences, pendingBytes }: Reply): Uint8Array[] {
  const sizes = blocks.map(({ prefix, data }) =>
    prefix === undefined ? data.length : fieldLength(prefix.length) + fieldLength(data.length),
  )
  let total = pendingBytes > 0 ? 1 + varintLength(pendingBytes) : 0
  for (const size of sizes) total += fieldLength(size)
  for (const presence of presences) total += fieldLength(presenceLength(presence))
  const pieces: Uint8Array[] = []
  let head = new Writer(varintLength(total) + headLength(blocks[0], sizes[0]))
  head.varint(total)
  for (const [nth, { prefix, data }] of blocks.entries()) {
    if (nth > 0) head = new Writer(headLength(blocks[nth], sizes[nth]))
    head.varint(prefix === undefined ? MESSAGE_BLOCKS : MESSAGE_PAYLOAD)
    head.varint(sizes[nth] ?? 0)
    if (prefix !== undefined) {
      head.field(BLOCK_PREFIX, prefix)
      head.varint(BLOCK_DATA)
      head.varint(data.length)
    }
    pieces.push(head.bytes, data)
  }
  if (blocks.length === 0) pieces.push(head.bytes)
  const rest = encodeRest(presences, pendingBytes)
  if (rest.length > 0) pieces.push(rest)
  return pieces
}

function headLength(block: WireBlock | undefined, size: number | undefined): number {
  if (block === undefined || size === undefined) return 0
  const outer = 1 + varintLength(size)
  if (block.prefix === undefined) return outer
  return outer + fieldLength(block.prefix.length) + 1 + varintLength(block.data.length)
}

function encodeRest(presences: readonly Presence[], pendingBytes: number): Uint8Array {
  let length = pendingBytes > 0 ? 1 + varintLength(pendingBytes) : 0
  for (const presence of presences) length += fieldLength(presenceLength(presence))
  const writer = new Writer(length)
  for (const presence of presences) {
    writer.varint(MESSAGE_PRESENCES)
    writer.varint(presenceLength(presence))
    writer.field(PRESENCE_CID, presence.cid)
    if (!presence.has) writer.raw(Uint8Array.of(PRESENCE_TYPE, 1))
  }
  if (pendingBytes > 0) {
    writer.varint(MESSAGE_PENDING)
    writer.varint(pendingBytes)
  }
  return writer.bytes
}
