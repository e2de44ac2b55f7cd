import { nameFromBytes, nameToBytes } from '../../contract/surrogate-escape.ts'

/**
 * What peers say to each other over pubsub (https://github.com/libp2p/specs/blob/master/pubsub/README.md#the-rpc), as the
 * router has it. Topics are bytes on the wire and strings here; bytes that are no UTF-8 become lone surrogates, and come
 * back as the bytes that they were. The codec of the router's own library would fold them into U+FFFD.
 */
export interface Rpc {
  readonly subscriptions: Subscription[]
  readonly messages: RpcMessage[]
  control?: Control | undefined
}

export interface Subscription {
  readonly subscribe?: boolean | undefined
  readonly topic?: string | undefined
}

export interface RpcMessage {
  readonly from?: Uint8Array | undefined
  readonly data?: Uint8Array | undefined
  readonly seqno?: Uint8Array | undefined
  readonly topic: string
  readonly signature?: Uint8Array | undefined
  readonly key?: Uint8Array | undefined
}

export interface Control {
  ihave: { readonly topicID?: string | undefined; readonly messageIDs: readonly Uint8Array[] }[]
  readonly iwant: { readonly messageIDs: readonly Uint8Array[] }[]
  readonly graft: { readonly topicID?: string | undefined }[]
  readonly prune: Prune[]
  readonly idontwant: { readonly messageIDs: readonly Uint8Array[] }[]
}

export interface Prune {
  readonly topicID?: string | undefined
  readonly peers: { readonly peerID?: Uint8Array | undefined; readonly signedPeerRecord?: Uint8Array | undefined }[]
  readonly backoff?: number | undefined
}

/** How many of each thing one RPC may carry; one with more is refused as a whole. */
export const LIST_MAX = 5_000
const DONT_WANT_IDS_MAX = 512
const PRUNE_PEERS_MAX = 16

const SIGNED_PREFIX = Buffer.from('libp2p-pubsub:')
const [VARINT, FIXED64, BYTES, FIXED32] = [0, 1, 2, 5]

/** Returns what a peer said. Its bytes are views of `bytes`. Throws for what is malformed, or holds too much. */
export function decodeRpc(bytes: Uint8Array): Rpc {
  const rpc: Rpc = { subscriptions: [], messages: [] }
  const input = new Fields(bytes, 0, bytes.length)
  while (input.next()) {
    if (input.field === 1) add(rpc.subscriptions, decodeSubscription(input.fields()), LIST_MAX)
    else if (input.field === 2) add(rpc.messages, decodeMessage(input.fields()), LIST_MAX)
    else if (input.field === 3) rpc.control = decodeControl(input.fields(), rpc.control)
  }
  return rpc
}

function decodeSubscription(input: Fields): Subscription {
  let subscribe: boolean | undefined
  let topic: string | undefined
  while (input.next()) {
    if (input.field === 1) subscribe = input.number() !== 0
    else if (input.field === 2) topic = nameFromBytes(input.bytes())
  }
  return { subscribe, topic }
}

function decodeMessage(input: Fields): RpcMessage {
  let [from, data, seqno, signature, key]: (Uint8Array | undefined)[] = []
  let topic = ''
  while (input.next()) {
    if (input.field === 1) from = input.bytes()
    else if (input.field === 2) data = input.bytes()
    else if (input.field === 3) seqno = input.bytes()
    else if (input.field === 4) topic = nameFromBytes(input.bytes())
    else if (input.field === 5) signature = input.bytes()
    else if (input.field === 6) key = input.bytes()
  }
  return { from, data, seqno, topic, signature, key }
}

function decodeControl(input: Fields, before: Control | undefined): Control {
  const control = before ?? { ihave: [], iwant: [], graft: [], prune: [], idontwant: [] }
  while (input.next()) {
    if (input.field === 1) add(control.ihave, decodeIds(input.fields(), 2, LIST_MAX), LIST_MAX)
    else if (input.field === 2) add(control.iwant, decodeIds(input.fields(), 1, LIST_MAX), LIST_MAX)
    else if (input.field === 3) add(control.graft, decodeIds(input.fields(), 2, LIST_MAX), LIST_MAX)
    else if (input.field === 4) add(control.prune, decodePrune(input.fields()), LIST_MAX)
    else if (input.field === 5) add(control.idontwant, decodeIds(input.fields(), 1, DONT_WANT_IDS_MAX), LIST_MAX)
  }
  return control
}

/** Ids stand in field 1, or in field 2 behind a topic. */
function decodeIds(input: Fields, idField: 1 | 2, max: number): { topicID?: string; messageIDs: Uint8Array[] } {
  const found: { topicID?: string; messageIDs: Uint8Array[] } = { messageIDs: [] }
  while (input.next()) {
    if (input.field === idField) add(found.messageIDs, input.bytes(), max)
    else if (input.field === 1) found.topicID = nameFromBytes(input.bytes())
  }
  return found
}

function decodePrune(input: Fields): Prune {
  const peers: Prune['peers'] = []
  let topicID: string | undefined
  let backoff: number | undefined
  while (input.next()) {
    if (input.field === 1) topicID = nameFromBytes(input.bytes())
    else if (input.field === 2) add(peers, decodePeer(input.fields()), PRUNE_PEERS_MAX)
    else if (input.field === 3) backoff = input.number()
  }
  return { topicID, peers, backoff }
}

function decodePeer(input: Fields): Prune['peers'][number] {
  let [peerID, signedPeerRecord]: (Uint8Array | undefined)[] = []
  while (input.next()) {
    if (input.field === 1) peerID = input.bytes()
    else if (input.field === 2) signedPeerRecord = input.bytes()
  }
  return { peerID, signedPeerRecord }
}

function add<T>(list: T[], item: T, max: number): void {
  if (list.length >= max) throw new Error(`an RPC of pubsub has more than ${max} items of a kind`)
  list.push(item)
}

/** The fields of one message of protobuf, one after another. */
class Fields {
  field = 0
  #type = VARINT
  #value = 0
  #at: number
  readonly #bytes: Uint8Array
  readonly #end: number

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  /** Goes on to the next field. Returns false when there is none. */
  next(): boolean {
    if (this.#at >= this.#end) return false
    const tag = this.#varint()
    this.field = Math.floor(tag / 8)
    this.#type = tag % 8
    if (this.#type === VARINT) this.#value = this.#varint()
    else if (this.#type === BYTES) {
      this.#value = this.#varint()
      this.#skip(this.#value)
    } else if (this.#type === FIXED64) this.#skip(8)
    else if (this.#type === FIXED32) this.#skip(4)
    else throw new Error('an RPC of pubsub has a field of an unknown type')
    return true
  }

  number(): number {
    if (this.#type !== VARINT) throw new Error('an RPC of pubsub has something else where a number belongs')
    return this.#value
  }

  bytes(): Uint8Array {
    this.#expectBytes()
    return this.#bytes.subarray(this.#at - this.#value, this.#at)
  }

  fields(): Fields {
    this.#expectBytes()
    return new Fields(this.#bytes, this.#at - this.#value, this.#at)
  }

  #expectBytes(): void {
    if (this.#type !== BYTES) throw new Error('an RPC of pubsub has something else where bytes belong')
  }

  #skip(length: number): void {
    this.#at += length
    if (this.#at > this.#end) throw new Error('an RPC of pubsub is cut short')
  }

  /** Of more than 53 bits the upper ones are lost: no number here is that large, and a length is refused. */
  #varint(): number {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      if (this.#at >= this.#end || scale > 2 ** 63) throw new Error('an RPC of pubsub is cut short')
      const byte = this.#bytes[this.#at] ?? 0
      this.#at += 1
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
  }
}

/** Returns what is signed of a message: all but its signature and its key. */
export function signedBytes(message: RpcMessage): Buffer {
  const topic = nameToBytes(message.topic)
  const { from, data, seqno } = message
  const size = fieldSize(from) + fieldSize(data) + fieldSize(seqno) + fieldSize(topic)
  const output = new Output(SIGNED_PREFIX.length + size)
  output.append(SIGNED_PREFIX)
  for (const [at, bytes] of [from, data, seqno, topic].entries()) output.bytes(at + 1, bytes)
  return output.buffer
}

/** Returns an RPC as it travels, its length before it. */
export function encodeFrame(rpc: Partial<Rpc>): Buffer {
  const parts: Buffer[] = []
  for (const { subscribe, topic } of rpc.subscriptions ?? []) {
    const flag = subscribe === undefined ? [] : [Buffer.from([8, subscribe ? 1 : 0])]
    parts.push(field(1, [...flag, text(2, topic)]))
  }
  const control = rpc.control === undefined ? [] : encodeControl(rpc.control)
  if (control.length > 0) parts.push(field(3, control))
  const messages = (rpc.messages ?? []).map(message => ({ message, topic: nameToBytes(message.topic) }))
  const sizes = messages.map(({ message, topic }) => messageSize(message, topic))
  const rest = parts.reduce((sum, part) => sum + part.length, 0)
  const size = sizes.reduce((sum, one) => sum + 1 + varintSize(one) + one, rest)
  const output = new Output(varintSize(size) + size)
  output.varint(size)
  for (const [at, { message, topic }] of messages.entries()) {
    output.head(2, sizes[at] ?? 0)
    output.message(message, topic)
  }
  for (const part of parts) output.append(part)
  return output.buffer
}

/** Returns how many bytes a message adds to an RPC. */
export function encodedSize(message: RpcMessage): number {
  const size = messageSize(message, nameToBytes(message.topic))
  return 1 + varintSize(size) + size
}

function encodeControl({ ihave, iwant, graft, prune, idontwant }: Control): Buffer[] {
  return [
    ...ihave.map(({ topicID, messageIDs }) => field(1, [text(1, topicID), ...messageIDs.map(id => field(2, [id]))])),
    ...iwant.map(({ messageIDs }) =>
      field(
        2,
        messageIDs.map(id => field(1, [id])),
      ),
    ),
    ...graft.map(({ topicID }) => field(3, [text(1, topicID)])),
    ...prune.map(({ topicID, peers, backoff }) =>
      field(4, [text(1, topicID), ...peers.map(encodePeer), ...(backoff === undefined ? [] : [number(3, backoff)])]),
    ),
    ...idontwant.map(({ messageIDs }) =>
      field(
        5,
        messageIDs.map(id => field(1, [id])),
      ),
    ),
  ]
}

function encodePeer({ peerID, signedPeerRecord }: Prune['peers'][number]): Buffer {
  const fields = [peerID, signedPeerRecord].flatMap((bytes, at) =>
    bytes === undefined ? [] : [field(at + 1, [bytes])],
  )
  return field(2, fields)
}

function field(number: number, parts: readonly Uint8Array[]): Buffer {
  const size = parts.reduce((sum, part) => sum + part.length, 0)
  const output = new Output(1 + varintSize(size) + size)
  output.head(number, size)
  for (const part of parts) output.append(part)
  return output.buffer
}

function text(number: number, value: string | undefined): Buffer {
  return value === undefined ? Buffer.alloc(0) : field(number, [nameToBytes(value)])
}

function number(field: number, value: number): Buffer {
  const output = new Output(1 + varintSize(value))
  output.varint(field * 8)
  output.varint(value)
  return output.buffer
}

function messageSize({ from, data, seqno, signature, key }: RpcMessage, topic: Uint8Array): number {
  return fieldSize(from) + fieldSize(data) + fieldSize(seqno) + fieldSize(topic) + fieldSize(signature) + fieldSize(key)
}

function fieldSize(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? 0 : 1 + varintSize(bytes.length) + bytes.length
}

function varintSize(value: number): number {
  let size = 1
  for (let left = value; left >= 128; left = Math.floor(left / 128)) size += 1
  return size
}

/** A buffer of a size that is known, being filled. */
class Output {
  readonly buffer: Buffer
  #at = 0

  constructor(size: number) {
    // Of its own, not of a slab: messages are kept for a while, and would keep the slab with them.
    this.buffer = Buffer.allocUnsafeSlow(size)
  }

  varint(value: number): void {
    let left = value
    for (; left >= 128; left = Math.floor(left / 128)) this.buffer[this.#at++] = (left % 128) | 128
    this.buffer[this.#at++] = left
  }

  head(number: number, length: number): void {
    this.buffer[this.#at++] = number * 8 + BYTES
    this.varint(length)
  }

  append(bytes: Uint8Array): void {
    this.buffer.set(bytes, this.#at)
    this.#at += bytes.length
  }

  bytes(number: number, bytes: Uint8Array | undefined): void {
    if (bytes === undefined) return
    this.head(number, bytes.length)
    this.append(bytes)
  }

  message({ from, data, seqno, signature, key }: RpcMessage, topic: Uint8Array): void {
    this.bytes(1, from)
    this.bytes(2, data)
    this.bytes(3, seqno)
    this.bytes(4, topic)
    this.bytes(5, signature)
    this.bytes(6, key)
  }
}
