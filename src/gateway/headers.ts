import type { CID } from 'multiformats/cid'
import { headerText, pathEscape } from './answer.ts'
import type { GatewayRequest } from './request.ts'
import type { ContentPath, Target } from './resolve.ts'

const IMMUTABLE = 'public, max-age=29030400, immutable'
const STALE = 'stale-while-revalidate=2678400'
/** Changes when the pages that are made here do. */
export const PAGES_VERSION = 'tsipfs1'
const CODEC_FORMATS: Readonly<Record<number, string>> = {
  81: 'cbor',
  113: 'dag-cbor',
  297: 'dag-json',
  512: 'json',
}

/** Returns the tag of a block in a format; empty: as it is, or as its codec says. */
export function tagOf(cid: CID, format: string): string {
  const suffix = format === '' || format === 'none' ? (CODEC_FORMATS[cid.code] ?? '') : format
  if (suffix === 'tar') return `W/"${cid}.x-tar"`
  return suffix === '' ? `"${cid}"` : `"${cid}.${suffix}"`
}

/** Returns the tag of a page that lists a folder. */
export function listingTag(cid: CID): string {
  return `"DirIndex-${PAGES_VERSION}_CID-${cid}"`
}

/** Returns the tag of a page that shows a node. */
export function nodePageTag(cid: CID): string {
  return `"DagIndex-${PAGES_VERSION}_CID-${cid}"`
}

/** Returns how long content may be kept: for ever, unless a name led to it. */
export function cacheControl(path: ContentPath): Record<string, string> {
  if (!path.isMutable) return { 'Cache-Control': IMMUTABLE }
  return path.ttl !== undefined && path.ttl > 0 ? { 'Cache-Control': `public, max-age=${path.ttl}` } : {}
}

/** Returns how long a page that lists a folder may be kept: it is made here, and may come to look otherwise. */
export function listingCacheControl(path: ContentPath): Record<string, string> {
  if (path.ttl !== undefined && path.ttl > 0) return { 'Cache-Control': `public, max-age=${path.ttl}, ${STALE}` }
  return path.isMutable ? {} : { 'Cache-Control': `public, max-age=604800, ${STALE}` }
}

/** Returns the CIDs that the path runs through, for caches. */
export function rootsHeader(target: Target): Record<string, string> {
  return { 'X-Ipfs-Roots': target.roots.join(',') }
}

/** Returns how the answer is to be called when it is saved. */
export function disposition(kind: 'inline' | 'attachment', name: string): Record<string, string> {
  const ascii = pathEscape(name.replace(/[^\0-\x7f]/gu, '_'))
  return { 'Content-Disposition': `${kind}; filename="${ascii}"; filename*=UTF-8''${pathEscape(name)}` }
}

/** Returns the name that the client wants its answer to have; undefined when it says none. */
export function wantedName(request: GatewayRequest): string | undefined {
  const name = request.query.get('filename') ?? ''
  return name === '' ? undefined : name
}

/** Returns `X-Ipfs-Path`. */
export function pathHeader(path: string): Record<string, string> {
  return { 'X-Ipfs-Path': headerText(path) }
}
