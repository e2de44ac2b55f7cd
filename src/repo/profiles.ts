import { createServer } from 'node:net'
import { Failure } from '../contract/failure.ts'
import { AUTO, defaultAddresses, flatfsSpec, packsSpec } from './config-defaults.ts'
import { putAt } from './config-values.ts'
import type { Config } from './roles.ts'
import { UNREACHABLE_NETWORKS } from './unreachable-networks.ts'

/** A named set of config changes. */
export interface Profile {
  readonly description: string
  /** It decides how blocks are stored, which only `init` can. */
  readonly initOnly?: boolean
  /** Changes the config it is given. */
  transform(config: Config): void | Promise<void>
}

const unixfsV0: Profile = {
  description: 'CIDs as in 2015: CIDv0, no raw leaves, chunks of 256 KiB, folders sharded by the size of their links.',
  transform: config => putAll(config, unixfs({ version: 0, raw: false, chunk: 262_144, links: 174, size: 'links' })),
}

/** Every profile that means something here, by its name in Kubo. */
export const PROFILES: Readonly<Record<string, Profile>> = {
  'announce-off': {
    description: 'Announce nothing to the DHT. Nobody finds what only this node has, unless they are connected to it.',
    transform: config => putAll(config, { 'Provide.Enabled': false, 'Provide.DHT.Interval': '0s' }),
  },
  'announce-on': {
    description: 'Announce to the DHT again: the inverse of announce-off.',
    transform: config => putAll(config, { 'Provide.Enabled': true, 'Provide.DHT.Interval': '22h0m0s' }),
  },
  'autoconf-off': {
    description: 'Empty the lists of bootstrap peers, DNS resolvers, routers and publishers, to fill them by hand.',
    transform: config =>
      putAll(config, {
        Bootstrap: null,
        'DNS.Resolvers': null,
        'Routing.DelegatedRouters': null,
        'Ipns.DelegatedPublishers': null,
        'AutoConf.Enabled': false,
      }),
  },
  'autoconf-on': {
    description: 'Use the bootstrap peers, DNS resolvers, routers and publishers that the program knows.',
    transform: config =>
      putAll(config, {
        Bootstrap: [AUTO],
        'DNS.Resolvers': { '.': AUTO },
        'Routing.DelegatedRouters': [AUTO],
        'Ipns.DelegatedPublishers': [AUTO],
        'AutoConf.Enabled': true,
      }),
  },
  'default-datastore': {
    description: 'Store blocks in packs, the default: fast, durable, safe for many processes at once.',
    initOnly: true,
    transform: config => putAt(config, 'Datastore.Spec', packsSpec()),
  },
  'default-networking': {
    description: 'Restore the default network settings: the inverse of test.',
    transform(config) {
      putAll(config, {
        Addresses: defaultAddresses(),
        Bootstrap: [AUTO],
        'Swarm.DisableNatPortMap': false,
        'Discovery.MDNS.Enabled': true,
      })
      remove(config, 'AutoConf', ['Enabled', 'URL'])
      remove(config, 'AutoTLS', ['Enabled'])
    },
  },
  flatfs: {
    description: "Store each block in a file of its own, in Kubo's layout. Slower than packs, and larger on disk.",
    initOnly: true,
    transform: config => putAt(config, 'Datastore.Spec', flatfsSpec()),
  },
  'flatfs-measure': {
    description: 'The same as flatfs.',
    initOnly: true,
    transform: config => putAt(config, 'Datastore.Spec', flatfsSpec()),
  },
  'legacy-cid-v0': unixfsV0,
  'local-discovery': {
    description: 'Find peers in the local network: the inverse of server.',
    transform(config) {
      const keep = (list: readonly unknown[]) => list.filter(entry => !UNREACHABLE_NETWORKS.includes(String(entry)))
      putAll(config, {
        'Addresses.NoAnnounce': keep(listAt(config, 'Addresses', 'NoAnnounce')),
        'Swarm.AddrFilters': keep(listAt(config, 'Swarm', 'AddrFilters')),
        'Discovery.MDNS.Enabled': true,
        'Swarm.DisableNatPortMap': false,
      })
    },
  },
  lowpower: {
    description: 'Keep few connections, take little memory, and serve nobody but your own commands.',
    transform: config =>
      putAll(config, {
        'Routing.Type': 'autoclient',
        'AutoNAT.ServiceMode': 'disabled',
        'Swarm.RelayService.Enabled': false,
        'Swarm.ConnMgr.Type': 'basic',
        'Swarm.ConnMgr.LowWater': 20,
        'Swarm.ConnMgr.HighWater': 40,
        'Swarm.ConnMgr.GracePeriod': '1m0s',
        // So little that the node gives up speed for memory.
        'Swarm.ResourceMgr.MaxMemory': '128MiB',
      }),
  },
  randomports: {
    description: 'Listen for peers on a random port.',
    async transform(config) {
      const port = await freePort()
      putAt(config, 'Addresses.Swarm', [`/ip4/0.0.0.0/tcp/${port}`, `/ip6/::/tcp/${port}`])
    },
  },
  server: {
    description: 'Neither search nor announce in local networks: for machines with a public address.',
    transform(config) {
      const added = (list: readonly unknown[]) => [...new Set([...list, ...UNREACHABLE_NETWORKS])]
      putAll(config, {
        'Addresses.NoAnnounce': added(listAt(config, 'Addresses', 'NoAnnounce')),
        'Swarm.AddrFilters': added(listAt(config, 'Swarm', 'AddrFilters')),
        'Discovery.MDNS.Enabled': false,
        'Swarm.DisableNatPortMap': true,
      })
    },
  },
  test: {
    description: 'Listen on the loopback interface only, on free ports, and know no bootstrap peers.',
    transform: config =>
      putAll(config, {
        'Addresses.API': '/ip4/127.0.0.1/tcp/0',
        'Addresses.Gateway': '/ip4/127.0.0.1/tcp/0',
        'Addresses.Swarm': ['/ip4/127.0.0.1/tcp/0'],
        'Swarm.DisableNatPortMap': true,
        'Routing.LoopbackAddressesOnLanDHT': true,
        Bootstrap: [],
        'Discovery.MDNS.Enabled': false,
        'AutoTLS.Enabled': false,
        'AutoConf.Enabled': false,
        'DNS.Resolvers': {},
        'Routing.DelegatedRouters': [],
        'Ipns.DelegatedPublishers': [],
      }),
  },
  'unixfs-v0-2015': unixfsV0,
  'unixfs-v1-2025': {
    description: 'CIDs that are the same in every implementation (IPIP-499): CIDv1, raw leaves, chunks of 1 MiB.',
    transform: config =>
      putAll(config, unixfs({ version: 1, raw: true, chunk: 1_048_576, links: 1024, size: 'block' })),
  },
}

/** Profiles of Kubo that choose a store which is not to be had here. */
const OTHER_STORES = new Set(['badgerds', 'badgerds-measure', 'pebbleds', 'pebbleds-measure'])

/** Returns a profile by its name. Throws a `usage` Failure when there is none. */
export function profileByName(name: string): Profile {
  const profile = Object.hasOwn(PROFILES, name) ? PROFILES[name] : undefined
  if (profile !== undefined) return profile
  if (OTHER_STORES.has(name)) {
    throw new Failure('usage', `invalid configuration profile: ${name}: tsipfs has no such datastore`, {
      hint: 'leave it out for packs, the default, or choose flatfs',
    })
  }
  throw new Failure('usage', `invalid configuration profile: ${name} is not a profile`, {
    hint: `there are ${Object.keys(PROFILES).join(', ')}`,
  })
}

/** Returns what an option with profiles separated by commas names. Throws a `usage` Failure for one that there is not. */
export function profilesByNames(names: string | undefined): Profile[] {
  return names === undefined || names === '' ? [] : names.split(',').map(profileByName)
}

function unixfs(rule: {
  version: number
  raw: boolean
  chunk: number
  links: number
  size: 'links' | 'block'
}): Config {
  return {
    'Import.CidVersion': rule.version,
    'Import.UnixFSRawLeaves': rule.raw,
    'Import.UnixFSChunker': `size-${rule.chunk}`,
    'Import.HashFunction': 'sha2-256',
    'Import.UnixFSFileMaxLinks': rule.links,
    'Import.UnixFSDirectoryMaxLinks': 0,
    'Import.UnixFSHAMTDirectoryMaxFanout': 256,
    'Import.UnixFSHAMTDirectorySizeThreshold': '256KiB',
    'Import.UnixFSHAMTDirectorySizeEstimation': rule.size,
    'Import.UnixFSDAGLayout': 'balanced',
  }
}

function putAll(config: Config, values: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(values)) putAt(config, key, value)
}

function remove(config: Config, section: string, keys: readonly string[]): void {
  const object = config[section]
  if (typeof object !== 'object' || object === null) return
  for (const key of keys) Reflect.deleteProperty(object, key)
}

function listAt(config: Config, section: string, key: string): readonly unknown[] {
  const object = config[section]
  if (typeof object !== 'object' || object === null) return []
  const list: unknown = Reflect.get(object, key)
  return Array.isArray(list) ? list : []
}

/** Returns a port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer()
  const listening = Promise.withResolvers<void>()
  server.once('error', listening.reject)
  server.listen(0, listening.resolve)
  await listening.promise
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  if (typeof address !== 'object' || address === null) throw new Failure('failed', 'no free port was found')
  return address.port
}
