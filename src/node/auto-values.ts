import { AUTO } from '../repo/config-defaults.ts'
import { isObject } from '../repo/config-values.ts'
import type { Config } from '../repo/roles.ts'

/** What "auto" stands for in the config: the public network of IPFS, as Kubo knows it without asking anybody. */
const AUTO_BOOTSTRAP: readonly string[] = [
  '/dnsaddr/bootstrap.libp2p.io/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN',
  '/dnsaddr/bootstrap.libp2p.io/p2p/QmQCU2EcMqAqQPR2i9bChDtGNJchTbq5TbXJJ16u19uLTa',
  '/dnsaddr/bootstrap.libp2p.io/p2p/QmbLHAnMoJPWSCR5Zhtx6BHJX9KiKNN6tpvbUcqanj75Nb',
  '/dnsaddr/bootstrap.libp2p.io/p2p/QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt',
  '/dnsaddr/va1.bootstrap.libp2p.io/p2p/12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8',
  '/ip4/104.131.131.82/tcp/4001/p2p/QmaCpDMGvV2BGHeYERUEnRQAwe3N8SzbUtfsmvsqQLuvuJ',
  '/ip4/104.131.131.82/udp/4001/quic-v1/p2p/QmaCpDMGvV2BGHeYERUEnRQAwe3N8SzbUtfsmvsqQLuvuJ',
]
const AUTO_RESOLVERS: Readonly<Record<string, string>> = { 'eth.': 'https://dns.eth.limo/dns-query' }
const AUTO_ROUTERS: readonly string[] = ['https://cid.contact/routing/v1/providers']
const AUTO_PUBLISHERS: readonly string[] = []

/** The keys in which "auto" may stand, and what is there once it has been replaced. */
const EXPANDED: Readonly<Record<string, (config: Config) => unknown>> = {
  Bootstrap: bootstrapPeers,
  'DNS.Resolvers': dnsResolvers,
  'Routing.DelegatedRouters': delegatedRouters,
  'Ipns.DelegatedPublishers': delegatedPublishers,
}

/** Returns the addresses of the peers to begin with. */
export function bootstrapPeers(config: Config): string[] {
  return expandList(config, config.Bootstrap, AUTO_BOOTSTRAP)
}

/** Returns the DNS-over-HTTPS resolvers by the domain (`eth.`, `.`) that they answer for. */
export function dnsResolvers(config: Config): Record<string, string> {
  const resolvers: Record<string, string> = {}
  if (isAutomatic(config)) Object.assign(resolvers, AUTO_RESOLVERS)
  for (const [domain, resolver] of Object.entries(sectionOf(config, 'DNS', 'Resolvers'))) {
    if (typeof resolver === 'string' && resolver !== AUTO) resolvers[domain] = resolver
  }
  return resolvers
}

/** Returns the URLs of delegated routers. */
export function delegatedRouters(config: Config): string[] {
  return expandList(config, sectionOf(config, 'Routing').DelegatedRouters, AUTO_ROUTERS)
}

/** Returns the URLs of those who publish IPNS records for us. */
export function delegatedPublishers(config: Config): string[] {
  return expandList(config, sectionOf(config, 'Ipns').DelegatedPublishers, AUTO_PUBLISHERS)
}

/** Returns the value of a key with "auto" replaced, where it may stand. */
export function expandConfigValue(config: Config, key: string, value: unknown): unknown {
  return Object.hasOwn(EXPANDED, key) ? EXPANDED[key]?.(config) : value
}

/** Returns a config with every "auto" replaced. */
export function expandConfig(config: Config): Config {
  const expanded = structuredClone(config)
  for (const [key, values] of Object.entries(EXPANDED)) {
    const [section = '', name] = key.split('.')
    const parent = name === undefined ? expanded : expanded[section]
    if (isObject(parent)) parent[name ?? section] = values(config)
  }
  return expanded
}

function expandList(config: Config, list: unknown, auto: readonly string[]): string[] {
  if (!Array.isArray(list)) return []
  const values = list.map(String).flatMap(item => (item === AUTO ? (isAutomatic(config) ? auto : []) : [item]))
  return [...new Set(values)]
}

/** Without `AutoConf.Enabled=false` what "auto" stands for is used. */
function isAutomatic(config: Config): boolean {
  return sectionOf(config, 'AutoConf').Enabled !== false
}

function sectionOf(config: Config, ...path: readonly string[]): Config {
  let section: unknown = config
  for (const name of path) section = isObject(section) && Object.hasOwn(section, name) ? section[name] : undefined
  return isObject(section) ? section : {}
}
