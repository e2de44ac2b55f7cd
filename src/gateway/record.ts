import { createHash } from 'node:crypto'
import { momentOfMs } from '../node/ipns/moment.ts'
import { newestRecord } from '../node/ipns/newest-record.ts'
import { type NameRecord, ttlOf, validUntil } from '../node/ipns/record.ts'
import { type Answer, GatewayError } from './answer.ts'
import { matchesTag } from './conditions.ts'
import { notModified } from './content.ts'
import { disposition, wantedName } from './headers.ts'
import { cidOf } from './names.ts'
import type { Visit } from './visit.ts'

/** Answers with the signed record of a name, which the client can check itself. */
export async function recordAnswer(visit: Omit<Visit, 'path'>, path: string): Promise<Answer> {
  const { request, waiting } = visit
  if (!path.startsWith('/ipns/')) throw new GatewayError(400, `${path} is not an IPNS link`)
  const key = path.replace(/\/$/, '').slice('/ipns/'.length)
  if (key.includes('/')) throw new GatewayError(400, 'cannot find ipns key for subpath')
  const cid = cidOf(key)
  if (cid === undefined) throw new GatewayError(400, `invalid cid: ${key}`)
  const found = await newestRecord(visit.node, cid.multihash.bytes, waiting)
  const record = found.bytes
  waiting.signal?.throwIfAborted()
  const headers: Record<string, string> = {
    Etag: `"${createHash('sha256').update(record).digest().readBigUInt64LE(0).toString(32)}"`,
  }
  if (matchesTag(request.headers['if-none-match'], headers.Etag ?? '')) return notModified(headers)
  const ttl = secondsOf(found)
  if (ttl === undefined) headers['Last-Modified'] = new Date().toUTCString()
  else headers['Cache-Control'] = `public, max-age=${ttl}`
  return {
    status: 200,
    headers: {
      ...headers,
      ...disposition('attachment', wantedName(request) ?? `${key}.ipns-record`),
      'Content-Type': 'application/vnd.ipfs.ipns-record',
      'X-Content-Type-Options': 'nosniff',
      'Content-Length': String(record.length),
    },
    body: request.method === 'HEAD' ? undefined : record,
  }
}

/** Returns for how many seconds a record may be kept: never longer than it is valid. Undefined when it does not say. */
export function secondsOf(record: NameRecord): number | undefined {
  const ttl = ttlOf(record)
  if (ttl === undefined) return undefined
  const left = validUntil(record) - momentOfMs(Date.now())
  const nanoseconds = ttl < left ? ttl : left
  return nanoseconds < 0n ? 0 : Number(nanoseconds / 1_000_000_000n)
}
