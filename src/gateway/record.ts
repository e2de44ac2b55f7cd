import { createHash } from 'node:crypto'
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
  const record = await newestRecord(visit, cid.multihash.bytes)
  waiting.signal?.throwIfAborted()
  const headers: Record<string, string> = {
    Etag: `"${createHash('sha256').update(record).digest().readBigUInt64LE(0).toString(32)}"`,
  }
  if (matchesTag(request.headers['if-none-match'], headers.Etag ?? '')) return notModified(headers)
  headers['Last-Modified'] = new Date().toUTCString()
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

/** Returns the last record that the network has to offer: each that it yields is newer than the one before. */
async function newestRecord({ node, waiting }: Omit<Visit, 'path'>, name: Uint8Array): Promise<Uint8Array> {
  const network = await node.network({ signal: waiting.signal })
  let newest: Uint8Array | undefined
  for await (const record of network.naming.get(name, waiting)) newest = record
  if (newest === undefined) throw new GatewayError(500, 'routing: not found')
  return newest
}
