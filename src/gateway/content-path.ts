import { nodeForCall } from '../node/call-node.ts'
import { type Answer, GatewayError, textAnswer } from './answer.ts'
import { blockAnswer, PROBE } from './block.ts'
import { carAnswer } from './car.ts'
import { codecAnswer, isDocument } from './codec.ts'
import { matchesTag } from './conditions.ts'
import { notModified } from './content.ts'
import { gatewayError, unresolvedError } from './errors.ts'
import { fallbackFor } from './fallback.ts'
import { cacheControl, listingCacheControl, listingTag, nodePageTag, tagOf } from './headers.ts'
import { cidOf, peerKey } from './names.ts'
import { recordAnswer } from './record.ts'
import { cleaned, contentPath, isNoLink, resolveTarget, type Target } from './resolve.ts'
import { tarAnswer } from './tar.ts'
import { unixfsAnswer } from './unixfs.ts'
import type { Visit } from './visit.ts'

const TRUSTLESS_HINT =
  'only trustless requests are accepted on this gateway: https://specs.ipfs.tech/http-gateways/trustless-gateway/'

/** Answers a question for content: `/ipfs/…` or `/ipns/…`. Throws what `gatewayError` understands. */
export async function contentPathAnswer(visit: Omit<Visit, 'path'>): Promise<Answer> {
  const { request, format, waiting } = visit
  const shown = cleaned(request.path)
  if (request.headers['cache-control'] === 'only-if-cached') {
    const isHere = await isCached(visit)
    if (!isHere) return textAnswer(412, `"${shown}" not in local datastore`)
    if (request.method === 'HEAD') return { status: 200, headers: {} }
  }
  if (!request.deserialized && !isTrustless(shown, format.name)) throw new GatewayError(406, TRUSTLESS_HINT)
  try {
    if (format.name === 'ipns-record') return await recordAnswer(visit, shown)
    const path = await named(() => contentPath(visit.node, request.path, waiting))
    return await resolvedAnswer({ ...visit, path })
  } catch (error) {
    throw unresolvedError(shown, error)
  }
}

/** What no name leads to is the name's trouble, not that of the content. */
async function named<T>(resolve: () => Promise<T>): Promise<T> {
  try {
    return await resolve()
  } catch (error) {
    const known = gatewayError(error)
    throw known?.status === 404 ? new GatewayError(500, known.message, {}, true) : error
  }
}

async function resolvedAnswer(visit: Visit): Promise<Answer> {
  const { format } = visit
  if (format.name === 'car') return await carAnswer(visit)
  const found = await findTarget(visit)
  if ('answer' in found) return found.answer
  const { target } = found
  const known = unchanged(visit, target)
  if (known !== undefined) return known
  switch (format.name) {
    case '':
    case 'json':
    case 'cbor':
      return isDocument(target.cid) ? await codecAnswer(visit, target) : await unixfsAnswer(visit, target)
    case 'raw':
      return await blockAnswer(visit, target)
    case 'tar':
      return await tarAnswer(visit, target)
    case 'dag-json':
    case 'dag-cbor':
      return await codecAnswer(visit, target)
    default:
      throw new GatewayError(400, 'unsupported response format requested')
  }
}

async function findTarget(visit: Visit): Promise<{ readonly target: Target } | { readonly answer: Answer }> {
  const { path, node, waiting, format, request } = visit
  if (path.root.equals(PROBE) && path.segments.length === 0) {
    return { target: { roots: [path.root], cid: path.root, remainder: [] } }
  }
  try {
    return { target: await resolveTarget(node, path.root, path.segments, waiting) }
  } catch (error) {
    const isPage = format.name === '' && request.isIsolated && isNoLink(error)
    const fallback = isPage ? await fallbackFor(visit) : undefined
    if (fallback === undefined) throw error
    return fallback
  }
}

/** Returns the answer that nothing has changed, when the client names what it has. */
function unchanged({ request, format, path }: Visit, { cid }: Target): Answer | undefined {
  const known = request.headers['if-none-match']
  if (known === undefined) return undefined
  const tags: readonly (readonly [tag: string, headers: Record<string, string>])[] = [
    [tagOf(cid, format.name ?? ''), cacheControl(path)],
    [listingTag(cid), listingCacheControl(path)],
    [nodePageTag(cid), {}],
  ]
  const match = tags.find(([tag]) => matchesTag(known, tag))
  return match === undefined ? undefined : notModified({ ...match[1], Etag: match[0] })
}

async function isCached({ request, node, waiting }: Omit<Visit, 'path'>): Promise<boolean> {
  const here = nodeForCall(node, { ...node.globals, offline: true })
  try {
    const path = await contentPath(here, request.path, waiting)
    const { cid } = await resolveTarget(here, path.root, path.segments, waiting)
    return await here.blocks.has(cid, waiting)
  } catch (error) {
    if (gatewayError(error) !== undefined) return false
    throw error
  }
}

/** Returns whether the client can check the answer itself. */
function isTrustless(path: string, format: string | undefined): boolean {
  const [namespace, id = '', ...rest] = path.split('/').filter(part => part !== '')
  if (format !== 'car' && rest.length > 0) return false
  if (namespace === 'ipns') return format === 'ipns-record' && peerKey(id) !== undefined
  return (format === 'raw' || format === 'car') && cidOf(id) !== undefined
}
