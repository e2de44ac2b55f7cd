import { type Answer, GatewayError, pathEscape, redirect, textAnswer } from './answer.ts'
import type { GatewayConfig, PublicGateway } from './config.ts'
import { cidOf, inlineDomain, labelOf, outlineDomain, peerKey, subdomainLabel } from './names.ts'
import type { GatewayRequest } from './request.ts'

/** What of a request says where it goes. */
export interface Arrival {
  readonly host: string
  readonly isHttps: boolean
  /** Decoded. */
  readonly path: string
  readonly urlPath: string
  readonly rawQuery: string
}

/** The content that a request is about, once its host is understood. */
export type Route = Pick<GatewayRequest, 'path' | 'host' | 'isIsolated' | 'gatewayUrl' | 'isDnsLink'>

/** Returns whether a domain has a DNSLink record. */
export type HasDnsLink = (domain: string) => Promise<boolean>

const NAMESPACES = new Set(['ipfs', 'ipns', 'p2p', 'ipld'])

/**
 * Reads the host of a request: that of a path gateway, a subdomain (`<cid>.ipfs.<host>`), or a domain with DNSLink.
 * Returns the path that is meant, or the answer that sends the client elsewhere.
 */
export async function routeHost(
  config: GatewayConfig,
  arrival: Arrival,
  hasDnsLink: HasDnsLink,
): Promise<{ readonly route: Route } | { readonly answer: Answer }> {
  const { host, path } = arrival
  const plain: Route = { path, host, isIsolated: false, gatewayUrl: '', isDnsLink: false }
  const known = gatewayFor(config, host)
  if (known !== undefined) return await onKnownHost(known, arrival, plain, hasDnsLink)
  const subdomain = subdomainOf(config, host)
  if (subdomain !== undefined) return await onSubdomain(subdomain, arrival, plain, hasDnsLink)
  const domain = withoutPort(host)
  if (!config.noDnsLink && isDomain(domain) && (await hasDnsLink(domain))) return { route: dnsLinkRoute(plain, domain) }
  return { route: plain }
}

function dnsLinkRoute(plain: Route, domain: string): Route {
  return {
    ...plain,
    path: `/ipns/${domain}${plain.path}`,
    isIsolated: true,
    gatewayUrl: `//${plain.host}`,
    isDnsLink: true,
  }
}

async function onKnownHost(
  gateway: PublicGateway,
  arrival: Arrival,
  plain: Route,
  hasDnsLink: HasDnsLink,
): Promise<{ route: Route } | { answer: Answer }> {
  if (isUnder(arrival.path, gateway.paths)) {
    const location = gateway.usesSubdomains
      ? await subdomainUrl(gateway, arrival.host, arrival, arrival.path, hasDnsLink)
      : undefined
    return location === undefined ? { route: plain } : { answer: redirect(301, location) }
  }
  const domain = withoutPort(arrival.host)
  if (!gateway.noDnsLink && isDomain(domain) && (await hasDnsLink(domain)))
    return { route: dnsLinkRoute(plain, domain) }
  return { answer: textAnswer(404, '404 page not found') }
}

interface Subdomain {
  readonly gateway: PublicGateway
  readonly host: string
  readonly namespace: string
  readonly id: string
}

async function onSubdomain(
  { gateway, host, namespace, id }: Subdomain,
  arrival: Arrival,
  plain: Route,
  hasDnsLink: HasDnsLink,
): Promise<{ route: Route } | { answer: Answer }> {
  let root = id
  if (!gateway.usesSubdomains || !isUnder(`/${namespace}/${id}`, gateway.paths)) {
    return { answer: textAnswer(404, '404 page not found') }
  }
  const cid = cidOf(id)
  if (cid !== undefined) {
    const label = labelOf(id, cid)
    if (label === undefined) throw tooLong(id)
    const isName = namespace === 'ipns' || namespace === 'p2p'
    if (label !== id || (isName && cid.code !== 0x72)) {
      const location = await subdomainUrl(gateway, host, arrival, `/${namespace}/${label}${arrival.path}`, hasDnsLink)
      if (location !== undefined) return { answer: redirect(301, location) }
    }
  } else if (namespace === 'ipns' && !id.includes('.') && id.includes('-')) {
    const domain = outlineDomain(id)
    if ((await hasDnsLink(domain)) || !(await hasDnsLink(id))) root = domain
  }
  return {
    route: { ...plain, path: `/${namespace}/${root}${arrival.path}`, isIsolated: true, gatewayUrl: `//${host}` },
  }
}

/** Returns where a path lies on a subdomain; undefined when it names nothing that could lie there. */
async function subdomainUrl(
  gateway: PublicGateway,
  host: string,
  arrival: Arrival,
  path: string,
  hasDnsLink: HasDnsLink,
): Promise<string | undefined> {
  const [, namespace = '', id = '', ...rest] = path.split('/')
  if (!NAMESPACES.has(namespace) || id === '') return undefined
  const isName = namespace === 'ipns' || namespace === 'p2p'
  const cid = (isName ? peerKey(id) : undefined) ?? cidOf(id)
  let label: string | undefined
  if (cid !== undefined) {
    label = subdomainLabel(namespace, cid)
    if (label === undefined) throw tooLong(id)
  } else if (namespace === 'ipfs') return undefined
  else label = await domainLabel(gateway, arrival, namespace, id, hasDnsLink)
  // What would make another host of it goes nowhere.
  if (!/^[\w.-]+$/.test(label) || !/^[\w.:[\]-]+$/.test(host)) throw new GatewayError(400, `invalid name ${label}`)
  const query = arrival.rawQuery === '' ? '' : `?${arrival.rawQuery}`
  return `${arrival.isHttps ? 'https' : 'http'}://${label}.${namespace}.${host}/${rest.map(pathEscape).join('/')}${query}`
}

async function domainLabel(
  gateway: PublicGateway,
  arrival: Arrival,
  namespace: string,
  id: string,
  hasDnsLink: HasDnsLink,
): Promise<string> {
  if (namespace !== 'ipns') return id
  let domain = id
  if (!id.includes('.') && id.includes('-') && (await hasDnsLink(outlineDomain(id)))) domain = outlineDomain(id)
  if (!domain.includes('.') || !(gateway.inlinesDnsLink || arrival.isHttps)) return domain
  if (!(await hasDnsLink(domain))) return domain
  const label = inlineDomain(domain)
  if (label === undefined) {
    throw new GatewayError(400, `inlined DNSLink incompatible with DNS label length limit of 63: "${domain}"`)
  }
  return label
}

function tooLong(id: string): GatewayError {
  return new GatewayError(400, `CID incompatible with DNS label length limit of 63: ${id}`)
}

/** Returns the gateway of a host, with or without its port; `*` in the config stands for one label. */
export function gatewayFor(config: GatewayConfig, host: string): PublicGateway | undefined {
  const { publicGateways } = config
  const exact = publicGateways.get(host) ?? publicGateways.get(withoutPort(host))
  if (exact !== undefined) return exact
  for (const [pattern, gateway] of publicGateways) {
    if (pattern.includes('*') && (matches(pattern, host) || matches(pattern, withoutPort(host)))) return gateway
  }
  return undefined
}

function matches(pattern: string, host: string): boolean {
  const [wanted, given] = [pattern.split('.'), host.split('.')]
  return wanted.length === given.length && wanted.every((label, at) => label === '*' || label === given[at])
}

function subdomainOf(config: GatewayConfig, host: string): Subdomain | undefined {
  const labels = host.split('.')
  for (let at = labels.length - 1; at >= 2; at--) {
    const name = labels.slice(at).join('.')
    const namespace = labels[at - 1] ?? ''
    const gateway = gatewayFor(config, name)
    if (gateway !== undefined && NAMESPACES.has(namespace)) {
      return { gateway, host: name, namespace, id: labels.slice(0, at - 1).join('.') }
    }
  }
  return undefined
}

function isUnder(path: string, prefixes: readonly string[]): boolean {
  return prefixes.some(prefix => {
    const bare = prefix.replace(/\/$/, '')
    return path === bare || path.startsWith(`${bare}/`)
  })
}

export function withoutPort(host: string): string {
  return host.replace(/:\d*$/, '')
}

function isDomain(name: string): boolean {
  return name.length <= 253 && /^(?!\d+(\.\d+){3}$)([\w-]{1,63}\.)+[\w-]{1,63}$/.test(name)
}
