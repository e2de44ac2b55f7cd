import { completeConfig } from './config-values.ts'
import type { Config } from './roles.ts'

/** Stands in lists for what the program itself knows: bootstrap peers, DNS resolvers, routers. */
export const AUTO = 'auto'

/** Returns the addresses of a fresh repo. TCP is what this program speaks. */
export function defaultAddresses(): Config {
  return {
    Swarm: ['/ip4/0.0.0.0/tcp/4001', '/ip6/::/tcp/4001'],
    Announce: [],
    AppendAnnounce: [],
    NoAnnounce: [],
    API: '/ip4/127.0.0.1/tcp/5001',
    Gateway: '/ip4/127.0.0.1/tcp/8080',
  }
}

/** Returns the `Datastore.Spec` of a repo whose blocks lie in packs. */
export function packsSpec(): Config {
  return spec({ mountpoint: '/blocks', path: 'packs', prefix: 'packs.datastore', type: 'packs' })
}

/** Returns the `Datastore.Spec` of a repo whose blocks lie in Kubo's flatfs. */
export function flatfsSpec(): Config {
  return spec({
    mountpoint: '/blocks',
    path: 'blocks',
    prefix: 'flatfs.datastore',
    shardFunc: '/repo/flatfs/shard/v1/next-to-last/2',
    sync: true,
    type: 'flatfs',
  })
}

/** Returns how the blocks of a repo with this config are stored. */
export function blocksKind(config: Config): 'packs' | 'flatfs' {
  const { Datastore: datastore } = config
  if (typeof datastore !== 'object' || datastore === null || !('Spec' in datastore)) return 'packs'
  return JSON.stringify(datastore.Spec)?.includes('"type":"flatfs"') === true ? 'flatfs' : 'packs'
}

/** Returns the config of a fresh repo, every key that Kubo writes in its order. */
export function defaultConfig(identity: { readonly peerId: string; readonly privateKey: string }): Config {
  return completeConfig({
    Identity: { PeerID: identity.peerId, PrivKey: identity.privateKey },
    Datastore: { StorageMax: '10GB', StorageGCWatermark: 90, GCPeriod: '1h', Spec: packsSpec() },
    Addresses: defaultAddresses(),
    Mounts: { IPFS: '/ipfs', IPNS: '/ipns', MFS: '/mfs' },
    Discovery: { MDNS: { Enabled: true } },
    Routing: { DelegatedRouters: [AUTO] },
    Ipns: { ResolveCacheSize: 128, DelegatedPublishers: [AUTO] },
    Bootstrap: [AUTO],
    Gateway: { HTTPHeaders: {} },
    API: { HTTPHeaders: {} },
    DNS: { Resolvers: { '.': AUTO } },
    Pinning: { RemoteServices: {} },
  })
}

function spec(blocks: Config): Config {
  return {
    mounts: [blocks, { mountpoint: '/', path: 'state.sqlite', prefix: 'sqlite.datastore', type: 'sqlite' }],
    type: 'mount',
  }
}
