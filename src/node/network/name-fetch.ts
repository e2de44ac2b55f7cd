import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { Failure } from '../../contract/failure.ts'
import { RECORD_BYTES_MAX } from '../ipns/record.ts'

/** How followers of a name ask each other for the record they have. https://github.com/libp2p/specs/tree/master/fetch */
const PROTOCOL = '/libp2p/fetch/0.0.1'
const TIMEOUT_MS = 10_000
const MESSAGE_BYTES_MAX = RECORD_BYTES_MAX + 1024
const INBOUND_STREAMS_MAX = 32
/** Fields of both messages: 1 the identifier, or the status; 2 the data. */
const IDENTIFIER = 0x0a
const STATUS = 0x08
const DATA = 0x12
const NOT_FOUND = 1

/** Answers those who ask for the record of a key. */
export async function serveRecords(libp2p: Libp2p, find: (key: Uint8Array) => Uint8Array | undefined): Promise<void> {
  const answer = async (stream: Stream): Promise<void> => {
    try {
      const asked = unframed(await readFrame(stream, AbortSignal.timeout(TIMEOUT_MS)))
      const { value: length, end } = readVarint(asked, 1)
      const isKey = asked[0] === IDENTIFIER && asked.length === end + length
      const record = isKey ? find(asked.slice(end)) : undefined
      const body = record === undefined ? [STATUS, NOT_FOUND] : [DATA, ...varint(record.length), ...record]
      stream.send(Uint8Array.from([...varint(body.length), ...body]))
      await stream.close()
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)))
    }
  }
  await libp2p.handle(PROTOCOL, answer, { maxInboundStreams: INBOUND_STREAMS_MAX })
}

/** Asks a peer for the record of a key, which is not checked here. Returns undefined when it has none. */
export async function fetchRecord(
  connection: Connection,
  key: Uint8Array,
  closing: AbortSignal,
): Promise<Uint8Array | undefined> {
  const signal = AbortSignal.any([closing, AbortSignal.timeout(TIMEOUT_MS)])
  const stream = await connection.newStream(PROTOCOL, { signal })
  try {
    const reading = readFrame(stream, signal)
    const body = [IDENTIFIER, ...varint(key.length), ...key]
    stream.send(Uint8Array.from([...varint(body.length), ...body]))
    const answer = Uint8Array.from(unframed(await reading))
    await stream.close({ signal })
    return dataOf(answer)
  } catch (error) {
    stream.abort(error instanceof Error ? error : new Error(String(error)))
    throw error
  }
}

/** Returns the data of an answer; undefined when its status is another than that there is some. */
export function dataOf(answer: Uint8Array): Uint8Array | undefined {
  let at = 0
  let data: Uint8Array | undefined
  while (at < answer.length) {
    const tag = answer[at] ?? 0
    const { value, end } = readVarint(answer, at + 1)
    if (tag === STATUS && value !== 0) return undefined
    if (tag === DATA) data = answer.slice(end, end + value)
    else if (tag !== STATUS) return undefined
    at = tag === DATA ? end + value : end
  }
  return data
}

/** Resolves with the bytes of the first message and its length before it. */
function readFrame(stream: Stream, signal: AbortSignal): Promise<Uint8Array> {
  const whole = Promise.withResolvers<Uint8Array>()
  let bytes = Buffer.alloc(0)
  const onAbort = (): void => whole.reject(signal.reason)
  signal.addEventListener('abort', onAbort)
  stream.addEventListener('close', () => whole.reject(new Failure('network', 'the stream was closed')))
  stream.addEventListener('message', ({ data }) => {
    bytes = Buffer.concat([bytes, data.subarray()])
    try {
      if (bytes.length > MESSAGE_BYTES_MAX) throw new Failure('network', 'the message is too long')
      const { value, end, isWhole } = readVarint(bytes, 0)
      if (isWhole && value > MESSAGE_BYTES_MAX) throw new Failure('network', 'the message is too long')
      if (isWhole && bytes.length >= end + value) whole.resolve(Uint8Array.from(bytes.subarray(0, end + value)))
    } catch (error) {
      whole.reject(error)
    }
  })
  return whole.promise.finally(() => signal.removeEventListener('abort', onAbort))
}

function unframed(frame: Uint8Array): Uint8Array {
  return frame.subarray(readVarint(frame, 0).end)
}

/** Reads a number of at most three bytes: longer ones are longer than any message. */
function readVarint(bytes: Uint8Array, from: number): { value: number; end: number; isWhole: boolean } {
  let value = 0
  for (let at = from; at < from + 3 && at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0
    value |= (byte & 0x7f) << (7 * (at - from))
    if (byte < 0x80) return { value, end: at + 1, isWhole: true }
  }
  if (bytes.length >= from + 3) throw new Failure('network', 'the message is too long')
  return { value: 0, end: bytes.length, isWhole: false }
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >> 7)]
}
