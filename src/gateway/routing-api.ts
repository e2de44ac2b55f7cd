import type { IncomingMessage } from 'node:http'
import { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import { momentOfMs } from '../node/ipns/moment.ts'
import { validUntil } from '../node/ipns/record.ts'
import type { PeerAddresses } from '../node/network/network.ts'
import type { Node } from '../node/node.ts'
import { type Answer, GatewayError, textAnswer } from './answer.ts'
import type { GatewayOptions } from './gateway.ts'
import { cidOf } from './names.ts'
import { secondsOf } from './record.ts'

/** Peers in one answer; as many lines in a stream of them. */
const PEERS_MAX = 20
const PEERS_STREAMED_MAX = 100
/** How long others may keep an answer, and one that names nobody. */
const KEPT_S = 300
const KEPT_EMPTY_S = 15
const STALE_S = 48 * 60 * 60
const JSON_TYPE = 'application/json'
const LINES_TYPE = 'application/x-ndjson'
const RECORD_TYPE = 'application/vnd.ipfs.ipns-record'

/**
 * Answers `/routing/v1`, by which others ask this node's routing over HTTP. It only reads: records are published by
 * `name put`. https://specs.ipfs.tech/routing/http-routing-v1/
 */
export function routingApi(node: Node): NonNullable<GatewayOptions['other']> {
  return async (request, path, signal) => {
    const [, what, rest = ''] = /^\/routing\/v1\/(providers|peers|ipns|dht\/closest\/peers)\/([^/]+)$/.exec(path) ?? []
    if (what === undefined) return undefined
    if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, headers: {} }
    const query = new URLSearchParams(request.url?.split('?')[1] ?? '')
    try {
      if (what === 'ipns') return await recordOf(node, rest, request, signal)
      if (what === 'providers')
        return await peersAnswer('Providers', providersOf(node, rest, request, signal), request, query)
      if (what === 'peers') return await peersAnswer('Peers', peerOf(node, rest, signal), request, query)
      return await peersAnswer('Peers', closestTo(node, rest, signal), request, query)
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      throw new GatewayError(error.kind === 'not-found' ? 404 : 500, `delegate error: ${error.message}`)
    }
  }
}

async function* providersOf(
  node: Node,
  text: string,
  request: IncomingMessage,
  signal: AbortSignal,
): AsyncGenerator<PeerAddresses> {
  const cid = parsed('unable to parse CID', () => CID.parse(text))
  const { isQueued } = await import('../node/provide-queue.ts')
  const { routing } = await node.network({ signal })
  const count = isStreamed(request) ? PEERS_STREAMED_MAX : PEERS_MAX
  yield* routing.findProviders(cid, { signal, count, providesToo: await isQueued(node.repo.values, cid) })
}

async function* peerOf(node: Node, text: string, signal: AbortSignal): AsyncGenerator<PeerAddresses> {
  const peer = await peerText(text)
  const { routing } = await node.network({ signal })
  try {
    yield await routing.findPeer(peer, { signal })
  } catch (error) {
    // Nobody knows it: the list is empty.
    if (!(error instanceof Failure) || (error.kind !== 'not-found' && error.kind !== 'network')) throw error
  }
}

async function* closestTo(node: Node, text: string, signal: AbortSignal): AsyncGenerator<PeerAddresses> {
  const peer = await peerText(text)
  const { routing } = await node.network({ signal })
  yield* routing.closestPeers(peer, { signal })
}

/** Returns the peer id that a text stands for. Throws 400. */
async function peerText(text: string): Promise<string> {
  const { parsePeer } = await import('../node/network/addresses.ts')
  return parsed(`unable to parse PeerID "${text}"`, () => parsePeer(text).toString())
}

function parsed<T>(what: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    throw new GatewayError(400, `${what}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function isStreamed(request: IncomingMessage): boolean {
  return request.headers.accept?.includes(LINES_TYPE) === true
}

async function peersAnswer(
  name: 'Providers' | 'Peers',
  peers: AsyncIterable<PeerAddresses>,
  request: IncomingMessage,
  query: URLSearchParams,
): Promise<Answer> {
  const accept = request.headers.accept ?? ''
  const isLines = isStreamed(request)
  if (!isLines && accept !== '' && !accept.includes(JSON_TYPE) && !accept.includes('*/*')) {
    return { ...textAnswer(400, 'no supported content types'), body: 'no supported content types' }
  }
  const wanted = filterOf(query)
  const records: string[] = []
  for await (const peer of peers) {
    const Addrs = wanted(peer.addresses)
    if (Addrs !== undefined) records.push(JSON.stringify({ Addrs, ID: peer.peer, Schema: 'peer' }))
  }
  const keptS = records.length === 0 ? KEPT_EMPTY_S : KEPT_S
  return {
    status: 200,
    headers: {
      'Cache-Control': `public, max-age=${keptS}, stale-while-revalidate=${STALE_S}, stale-if-error=${STALE_S}`,
      'Content-Type': isLines ? LINES_TYPE : JSON_TYPE,
      'Last-Modified': new Date().toUTCString(),
      Vary: 'Accept',
    },
    body: isLines ? records.map(record => `${record}\n`).join('') : `{"${name}":[${records.join(',')}]}`,
  }
}

/**
 * Returns what of a peer's addresses is asked for (IPIP-484): protocols that one must have, or with `!` must not have;
 * `unknown` stands for peers without addresses. Undefined: the peer is left out. What peers speak is not known here, so
 * that a filter of protocols keeps them all, or none.
 */
function filterOf(query: URLSearchParams): (addresses: readonly string[]) => readonly string[] | undefined {
  const words = (query.get('filter-addrs') ?? '')
    .toLowerCase()
    .split(',')
    .filter(word => word !== '')
  const barred = words.filter(word => word.startsWith('!')).map(word => word.slice(1))
  const asked = words.filter(word => !word.startsWith('!'))
  const protocols = (query.get('filter-protocols') ?? '').split(',').filter(word => word !== '')
  return addresses => {
    if (protocols.length > 0 && !protocols.includes('unknown')) return undefined
    if (words.length === 0) return addresses
    if (addresses.length === 0) return asked.length === 0 || asked.includes('unknown') ? addresses : undefined
    const kept = addresses.filter(address => {
      const has = (word: string): boolean => address.split('/').includes(word)
      return !barred.some(has) && (asked.length === 0 || asked.some(has))
    })
    return kept.length === 0 ? undefined : kept
  }
}

async function recordOf(node: Node, name: string, request: IncomingMessage, signal: AbortSignal): Promise<Answer> {
  const accept = request.headers.accept ?? ''
  if (accept !== '' && !accept.includes(RECORD_TYPE) && !accept.includes('*/*')) {
    return textAnswer(406, `content type in 'Accept' header is missing or not supported`)
  }
  const cid = cidOf(name)
  if (cid === undefined) throw new GatewayError(400, `unable to parse CID: ${name}`)
  const { newestRecord } = await import('../node/ipns/newest-record.ts')
  const record = await newestRecord(node, cid.multihash.bytes, { signal })
  const ttl = secondsOf(record) ?? 0
  const leftS = Number((validUntil(record) - momentOfMs(Date.now())) / 1_000_000_000n)
  const stale = Math.max(0, leftS - ttl)
  return {
    status: 200,
    headers: {
      'Cache-Control': `public, max-age=${ttl}, stale-while-revalidate=${stale}, stale-if-error=${stale}`,
      'Content-Disposition': `attachment; filename="${name}.ipns-record"`,
      'Content-Type': RECORD_TYPE,
      'Last-Modified': new Date().toUTCString(),
      Vary: 'Accept',
      'Content-Length': String(record.bytes.length),
    },
    body: request.method === 'HEAD' ? undefined : record.bytes,
  }
}
