import { readFile } from '../node/file-reader.ts'
import { parsePath } from '../node/path.ts'
import { openEntry } from '../node/unixfs-entry.ts'
import { type Answer, GatewayError, redirect } from './answer.ts'
import { cacheControl, tagOf } from './headers.ts'
import { matchRule, parseRedirects, type Rule } from './redirects.ts'
import { isNoLink, resolveTarget, type Target } from './resolve.ts'
import type { Visit } from './visit.ts'

/** What a site's `_redirects` file says about a path that leads nowhere. */
export type Fallback = { readonly answer: Answer } | { readonly target: Target }

/** Returns what the rules of the root say of the path; undefined when they say nothing, or there are none. */
export async function fallbackFor(visit: Visit): Promise<Fallback | undefined> {
  const { path, request } = visit
  if (path.segments.length === 0) return undefined
  const rules = await rulesOf(visit)
  const rule = rules === undefined ? undefined : matchRule(rules, `/${path.segments.join('/')}`)
  if (rule === undefined) return undefined
  if (rule.status === 200) return { target: await resolve(visit, rule) }
  if (rule.status >= 400) return { answer: await errorPage(visit, rule) }
  return { answer: redirect(rule.status, withQuery(rule.to, request.rawQuery)) }
}

async function rulesOf({ node, path, waiting }: Visit): Promise<Rule[] | undefined> {
  try {
    const { cid } = await resolveTarget(node, path.root, ['_redirects'], waiting)
    const entry = await openEntry(node.blocks, cid, waiting)
    if (entry.kind !== 'file') throw new GatewayError(500, 'could not read _redirects: not a file')
    const pieces: Uint8Array[] = []
    // One byte more than is allowed shows that there are too many.
    for await (const piece of readFile(node.blocks, entry.root, { length: 64 * 1024 + 1, ...waiting }))
      pieces.push(piece)
    return parseRules(Buffer.concat(pieces), `/ipfs/${path.root}/_redirects`)
  } catch (error) {
    if (isNoLink(error)) return undefined
    throw error
  }
}

function parseRules(bytes: Uint8Array, file: string): Rule[] {
  try {
    return parseRedirects(bytes)
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    throw new GatewayError(error.status, `trouble processing _redirects file at "${file}": ${error.message}`)
  }
}

async function resolve({ node, path, waiting }: Visit, { to }: Rule): Promise<Target> {
  const parsed = parsePath(`/ipfs/${path.root}${to.startsWith('/') ? to : `/${to}`}`)
  return await resolveTarget(node, path.root, parsed.segments, waiting)
}

async function errorPage(visit: Visit, rule: Rule): Promise<Answer> {
  const { node, request, path, waiting } = visit
  const { cid } = await resolve(visit, rule)
  const entry = await openEntry(node.blocks, cid, waiting)
  if (entry.kind !== 'file') throw new GatewayError(500, `could not convert node for ${rule.status} page to file`)
  return {
    status: rule.status,
    headers: {
      ...cacheControl({ ...path, ttl: undefined }),
      Etag: tagOf(cid, 'none'),
      'Content-Type': 'text/html',
      'Content-Length': String(entry.size),
    },
    body: request.method === 'HEAD' ? undefined : readFile(node.blocks, entry.root, waiting),
  }
}

function withQuery(to: string, rawQuery: string): string {
  if (rawQuery === '') return to
  const [base = '', fragment] = to.split('#')
  const at = base.indexOf('?')
  const query = new URLSearchParams(at < 0 ? '' : base.slice(at + 1))
  for (const [key, value] of new URLSearchParams(rawQuery)) query.append(key, value)
  query.sort()
  return `${at < 0 ? base : base.slice(0, at)}?${query}${fragment === undefined ? '' : `#${fragment}`}`
}
