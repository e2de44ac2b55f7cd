import { Failure, isAbort } from '../../contract/failure.ts'
import { isObject } from '../../repo/config-values.ts'
import type { Repo, Waiting } from '../../repo/roles.ts'
import { durationAt } from '../network/settings.ts'
import { dnsTextOverHttps, type TextAnswer } from './dns-over-https.ts'
import { cachedLink, keepLink } from './stored-names.ts'

const LOOKUP_TIMEOUT_MS = 15_000
const DOMAIN_LENGTH_MAX = 253
const LABEL_LENGTH_MAX = 63
/** More TXT records than this are not looked at. */
const RECORDS_MAX = 100
const NO_RECORD =
  'could not resolve name: DNSLink lookup could not find a TXT record (https://docs.ipfs.tech/concepts/dnslink/)'
const MANY_RECORDS =
  'could not resolve name: DNSLink lookup returned more than one IPFS content path; ask domain owner to remove duplicate TXT records'

/** Returns true for what can be a domain name. */
export function isDomainName(text: string): boolean {
  const labels = text.replace(/\.$/, '').split('.')
  return text.length <= DOMAIN_LENGTH_MAX && labels.every(label => label.length > 0 && label.length <= LABEL_LENGTH_MAX)
}

/**
 * Returns the path that the DNSLink of a domain points to (https://dnslink.dev): the TXT record of `_dnslink.<domain>`,
 * asked of the resolver that `DNS.Resolvers` names. Answers are kept for as long as they say. Throws `not-found`.
 */
export async function resolveDnslink(
  repo: Pick<Repo, 'values' | 'config' | 'readOnly'>,
  name: string,
  options: Waiting & { offline?: boolean; nocache?: boolean } = {},
): Promise<string> {
  const domain = name.toLowerCase().replace(/\.$/, '')
  const cached = options.nocache === true ? undefined : await cachedLink(repo.values, domain)
  if (cached !== undefined) return cached
  if (options.offline === true) {
    throw new Failure('not-found', `could not resolve name: /ipns/${name}`, {
      hint: 'leave out --offline to ask the network',
      data: { name },
    })
  }
  const { records, ttlMs } = await lookup(repo, `_dnslink.${domain}.`, domain, options)
  const target = await targetIn(records, domain)
  const longestMs = durationAt(await repo.config.read(), 'DNS.MaxCacheTTL', Number.POSITIVE_INFINITY)
  const keptMs = Math.min(ttlMs, longestMs)
  if (keptMs > 0) await keepLink(repo, domain, { target, expiresAt: Date.now() + keptMs })
  return target
}

async function lookup(
  repo: Pick<Repo, 'config'>,
  query: string,
  domain: string,
  options: Waiting,
): Promise<TextAnswer> {
  const limit = AbortSignal.timeout(LOOKUP_TIMEOUT_MS)
  const signal = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit])
  const resolver = resolverFor(await repo.config.get('DNS.Resolvers'), domain)
  try {
    if (resolver === undefined || resolver === 'auto') return await systemLookup(query, undefined, signal)
    if (resolver.startsWith('dns://')) return await systemLookup(query, resolver.slice('dns://'.length), signal)
    return await dnsTextOverHttps(resolver, query, { signal })
  } catch (error) {
    options.signal?.throwIfAborted()
    if (limit.aborted || isAbort(error)) {
      throw new Failure('timeout', `DNSLink lookup for "${domain}." took longer than ${LOOKUP_TIMEOUT_MS / 1000}s`)
    }
    const cause = error instanceof Error ? error.message : String(error)
    throw new Failure('network', `DNSLink lookup for "${domain}." failed: ${cause}`, { cause: error })
  }
}

/** Returns the address of the resolver for a domain: that of the longest ending of it, `.` for all others. */
function resolverFor(resolvers: unknown, domain: string): string | undefined {
  if (!isObject(resolvers)) return undefined
  const labels = domain.split('.')
  for (let from = 0; from <= labels.length; from += 1) {
    const ending = `${labels.slice(from).join('.')}.`
    const address = Object.hasOwn(resolvers, ending) ? resolvers[ending] : undefined
    if (typeof address === 'string' && address !== '') return address
  }
  return undefined
}

/** Asks the resolver of the system, or the DNS server at `server`. It does not say how long an answer may be kept. */
async function systemLookup(query: string, server: string | undefined, signal: AbortSignal): Promise<TextAnswer> {
  const { Resolver } = await import('node:dns/promises')
  const resolver = new Resolver({ timeout: LOOKUP_TIMEOUT_MS, tries: 1 })
  if (server !== undefined) resolver.setServers([server])
  signal.throwIfAborted()
  const cancel = (): void => resolver.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  try {
    const records = await resolver.resolveTxt(query.replace(/\.$/, ''))
    return { records: records.map(parts => parts.join('')), ttlMs: 0 }
  } catch (error) {
    signal.throwIfAborted()
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOTFOUND' || code === 'ENODATA' || code === 'ENONAME') return { records: [], ttlMs: 0 }
    throw error
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

async function targetIn(records: readonly string[], domain: string): Promise<string> {
  const { parsePath, pathText } = await import('../path.ts')
  const targets: string[] = []
  for (const record of records.slice(0, RECORDS_MAX)) {
    const text = record.startsWith('dnslink=') ? record.slice('dnslink='.length) : record
    try {
      const { namespace } = parsePath(text)
      if (namespace !== 'ipld') targets.push(pathText(text))
    } catch {
      // TXT records say all kinds of things.
    }
  }
  const [target] = targets
  if (target !== undefined && targets.length === 1) return target
  const cause = target === undefined ? NO_RECORD : MANY_RECORDS
  throw new Failure('not-found', `DNSLink lookup for "${domain}." failed: ${cause}`, { data: { name: domain } })
}
