import { randomBytes } from 'node:crypto'
import type { Waiting } from '../../repo/roles.ts'
import { fetchBounded } from '../fetch-bounded.ts'

/** TXT records, and for how long they may be kept. */
export interface TextAnswer {
  readonly records: readonly string[]
  readonly ttlMs: number
}

const ANSWER_BYTES_MAX = 65_535
const TYPE_TXT = 16
const CLASS_IN = 1
const NAME_ERROR = 3
const MEDIA_TYPE = 'application/dns-message'

/** Asks a server for TXT records as RFC 8484 says. No such name is an empty answer. Throws for all other errors. */
export async function dnsTextOverHttps(server: string, name: string, options: Waiting = {}): Promise<TextAnswer> {
  const url = /^https?:\/\//.test(server) ? server : `https://${server}`
  const answer = await fetchBounded(url, {
    method: 'POST',
    headers: { 'content-type': MEDIA_TYPE, accept: MEDIA_TYPE },
    body: encodeQuery(name),
    bytesMax: ANSWER_BYTES_MAX,
    signal: options.signal,
  })
  if (answer.status !== 200) throw new Error(`the DNS server answered ${answer.status}`)
  return decodeAnswer(answer.bytes)
}

/** Returns a question for TXT records in the format of RFC 1035. */
export function encodeQuery(name: string): Uint8Array {
  const labels = name.replace(/\.$/, '').split('.')
  const parts: number[] = [...randomBytes(2), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
  for (const label of labels) {
    const bytes = new TextEncoder().encode(label)
    parts.push(bytes.length, ...bytes)
  }
  return Uint8Array.from([...parts, 0, 0, TYPE_TXT, 0, CLASS_IN])
}

/** Returns the TXT records of an answer in the format of RFC 1035. Throws for what is malformed. */
export function decodeAnswer(bytes: Uint8Array): TextAnswer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const code = view.getUint8(3) & 15
  if (code === NAME_ERROR) return { records: [], ttlMs: 0 }
  if (code !== 0) throw new Error(`the DNS server reported error ${code}`)
  let at = 12
  for (let questions = view.getUint16(4); questions > 0; questions -= 1) at = afterName(view, at) + 4
  const records: string[] = []
  let ttl = Number.POSITIVE_INFINITY
  for (let answers = view.getUint16(6); answers > 0; answers -= 1) {
    at = afterName(view, at)
    const type = view.getUint16(at)
    const seconds = view.getUint32(at + 4)
    const length = view.getUint16(at + 8)
    at += 10
    if (at + length > bytes.length) throw new Error('the DNS answer ends too soon')
    if (type === TYPE_TXT) {
      records.push(joined(bytes.subarray(at, at + length)))
      ttl = Math.min(ttl, seconds)
    }
    at += length
  }
  return { records, ttlMs: Number.isFinite(ttl) ? ttl * 1000 : 0 }
}

/** Returns where the name at `at` ends; names are not needed themselves, so pointers are not followed. */
function afterName(view: DataView, from: number): number {
  let at = from
  for (;;) {
    const length = view.getUint8(at)
    if (length >= 0xc0) return at + 2
    at += 1 + length
    if (length === 0) return at
  }
}

function joined(data: Uint8Array): string {
  const parts: Uint8Array[] = []
  for (let at = 0; at < data.length; at += 1 + (data[at] ?? 0))
    parts.push(data.subarray(at + 1, at + 1 + (data[at] ?? 0)))
  return new TextDecoder().decode(Buffer.concat(parts))
}
