/**
 * The shape of Kubo's config file (0.44): which keys there are, in which order, what they may hold, and what stands
 * there when nothing was set.
 */
export type Shape =
  | { readonly kind: Scalar }
  | { readonly kind: 'list'; readonly of: Shape }
  | { readonly kind: 'map'; readonly of: Shape }
  | { readonly kind: 'struct'; readonly fields: ReadonlyMap<string, Field> }

/**
 * `flag`: true, false or null (the default). `integer` and `optionalText`: null is the default. `duration`: a Go
 * duration. `bytes`: a size like 5GiB. `priority`: a positive number, false or null. `strings`: one text or a list.
 * `peerId`, `multiaddr`: texts of that form. `obsolete`: nothing, or an empty object.
 */
export type Scalar =
  | 'text'
  | 'bool'
  | 'int'
  | 'flag'
  | 'integer'
  | 'optionalText'
  | 'duration'
  | 'bytes'
  | 'priority'
  | 'strings'
  | 'autonatMode'
  | 'obsolete'
  | 'peerId'
  | 'multiaddr'
  | 'any'

interface Field {
  readonly shape: Shape
  /** Left out of the file as long as it holds nothing. */
  readonly optional: boolean
}

const text: Shape = { kind: 'text' }
const bool: Shape = { kind: 'bool' }
const int: Shape = { kind: 'int' }
const flag: Shape = { kind: 'flag' }
const integer: Shape = { kind: 'integer' }
const optionalText: Shape = { kind: 'optionalText' }
const duration: Shape = { kind: 'duration' }
const bytes: Shape = { kind: 'bytes' }
const priority: Shape = { kind: 'priority' }
const strings: Shape = { kind: 'strings' }
const obsolete: Shape = { kind: 'obsolete' }
const peerId: Shape = { kind: 'peerId' }
const multiaddr: Shape = { kind: 'multiaddr' }
const any: Shape = { kind: 'any' }
const texts = list(text)

function list(of: Shape): Shape {
  return { kind: 'list', of }
}

function map(of: Shape): Shape {
  return { kind: 'map', of }
}

/** A name that ends with `?` is left out of the file as long as it holds nothing. */
function struct(fields: Readonly<Record<string, Shape>>): Shape {
  const entries = Object.entries(fields).map(([name, shape]): [string, Field] => {
    const optional = name.endsWith('?')
    return [optional ? name.slice(0, -1) : name, { shape, optional }]
  })
  return { kind: 'struct', fields: new Map(entries) }
}

const gateway = struct({
  HTTPHeaders: map(texts),
  RootRedirect: text,
  NoFetch: bool,
  NoDNSLink: bool,
  DeserializedResponses: flag,
  AllowCodecConversion: flag,
  DisableHTMLErrors: flag,
  PublicGateways: map(
    struct({ Paths: texts, UseSubdomains: bool, NoDNSLink: bool, InlineDNSLink: flag, DeserializedResponses: flag }),
  ),
  ExposeRoutingAPI: flag,
  'RetrievalTimeout?': duration,
  'MaxRequestDuration?': duration,
  'MaxConcurrentRequests?': integer,
  'MaxRangeRequestFileSize?': bytes,
  'DiagnosticServiceURL?': optionalText,
})

const swarm = struct({
  AddrFilters: texts,
  DisableBandwidthMetrics: bool,
  DisableNatPortMap: bool,
  RelayClient: struct({ 'Enabled?': flag, 'StaticRelays?': texts }),
  RelayService: struct({
    'Enabled?': flag,
    'ConnectionDurationLimit?': duration,
    'ConnectionDataLimit?': integer,
    'ReservationTTL?': duration,
    'MaxReservations?': integer,
    'MaxCircuits?': integer,
    'BufferSize?': integer,
    'MaxReservationsPerIP?': integer,
    'MaxReservationsPerASN?': integer,
  }),
  'EnableHolePunching?': flag,
  Transports: struct({
    Network: struct({
      'QUIC?': flag,
      'TCP?': flag,
      'Websocket?': flag,
      'Relay?': flag,
      'WebTransport?': flag,
      'WebRTCDirect?': flag,
    }),
    Security: struct({ 'TLS?': priority, 'Noise?': priority }),
    Multiplexers: struct({ 'Yamux?': priority }),
  }),
  ConnMgr: struct({
    'Type?': optionalText,
    'LowWater?': integer,
    'HighWater?': integer,
    'GracePeriod?': duration,
    'SilencePeriod?': duration,
  }),
  ResourceMgr: struct({
    'Enabled?': flag,
    'Limits?': obsolete,
    'MaxMemory?': bytes,
    'MaxFileDescriptors?': integer,
    'Allowlist?': texts,
  }),
})

const provide = struct({
  'Enabled?': flag,
  'Strategy?': optionalText,
  'BloomFPRate?': integer,
  DHT: struct({
    'Interval?': duration,
    'MaxWorkers?': integer,
    'SweepEnabled?': flag,
    'DedicatedPeriodicWorkers?': integer,
    'DedicatedBurstWorkers?': integer,
    'MaxProvideConnsPerWorker?': integer,
    'KeystoreBatchSize?': integer,
    'OfflineDelay?': duration,
    'SendProviderRecordTimeout?': duration,
    'ResumeEnabled?': flag,
  }),
})

const importing = struct({
  CidVersion: integer,
  UnixFSRawLeaves: flag,
  UnixFSChunker: optionalText,
  HashFunction: optionalText,
  UnixFSFileMaxLinks: integer,
  UnixFSDirectoryMaxLinks: integer,
  UnixFSHAMTDirectoryMaxFanout: integer,
  UnixFSHAMTDirectorySizeThreshold: bytes,
  UnixFSHAMTDirectorySizeEstimation: optionalText,
  UnixFSDAGLayout: optionalText,
  BatchMaxNodes: integer,
  BatchMaxSize: integer,
  FastProvideRoot: flag,
  FastProvideDAG: flag,
  FastProvideWait: flag,
})

const internal = struct({
  'Bitswap?': struct({
    TaskWorkerCount: integer,
    EngineBlockstoreWorkerCount: integer,
    EngineTaskWorkerCount: integer,
    MaxOutstandingBytesPerPeer: integer,
    ProviderSearchDelay: duration,
    ProviderSearchMaxResults: integer,
    WantHaveReplaceSize: integer,
    BroadcastControl: struct({
      'Enable?': flag,
      MaxPeers: integer,
      'LocalPeers?': flag,
      'PeeredPeers?': flag,
      MaxRandomPeers: integer,
      'SendToPendingPeers?': flag,
    }),
  }),
  'UnixFSShardingSizeThreshold?': optionalText,
  'Libp2pForceReachability?': optionalText,
  'BackupBootstrapInterval?': duration,
  'MFSNoFlushLimit?': integer,
  'ShutdownTimeout?': duration,
  'CGNATCheck?': flag,
  'DeadListenerCheck?': flag,
  'NonPublicAddrPublishing?': flag,
})

/** The whole config. */
export const CONFIG_SHAPE: Shape = struct({
  Identity: struct({ PeerID: text, 'PrivKey?': text }),
  Datastore: struct({
    StorageMax: text,
    StorageGCWatermark: int,
    GCPeriod: text,
    'Type?': text,
    'Path?': text,
    'NoSync?': bool,
    'Params?': any,
    Spec: map(any),
    HashOnRead: bool,
    BloomFilterSize: int,
    BlockKeyCacheSize: integer,
    'WriteThrough?': flag,
  }),
  Addresses: struct({
    Swarm: texts,
    Announce: texts,
    AppendAnnounce: texts,
    NoAnnounce: texts,
    API: strings,
    Gateway: strings,
  }),
  Mounts: struct({ IPFS: text, IPNS: text, MFS: text, FuseAllowOther: flag, StoreMtime: flag, StoreMode: flag }),
  Discovery: struct({ MDNS: struct({ Enabled: bool }) }),
  Routing: struct({
    'Type?': optionalText,
    'AcceleratedDHTClient?': flag,
    'LoopbackAddressesOnLanDHT?': flag,
    'IgnoreProviders?': texts,
    DelegatedRouters: texts,
    'Routers?': map(any),
    'Methods?': map(any),
  }),
  Ipns: struct({
    RepublishPeriod: text,
    RecordLifetime: text,
    ResolveCacheSize: int,
    'MaxCacheTTL?': duration,
    'UsePubsub?': flag,
    DelegatedPublishers: texts,
  }),
  Bootstrap: texts,
  Gateway: gateway,
  API: struct({
    HTTPHeaders: map(texts),
    'Authorizations?': map(struct({ AuthSecret: text, AllowedPaths: texts })),
  }),
  Swarm: swarm,
  AutoNAT: struct({
    'ServiceMode?': { kind: 'autonatMode' },
    'Throttle?': struct({ GlobalLimit: int, PeerLimit: int, Interval: duration }),
  }),
  AutoTLS: struct({
    'Enabled?': flag,
    'AutoWSS?': flag,
    'SkipDNSLookup?': flag,
    'DomainSuffix?': optionalText,
    'RegistrationEndpoint?': optionalText,
    'RegistrationToken?': optionalText,
    'RegistrationDelay?': duration,
    'CAEndpoint?': optionalText,
    'ShortAddrs?': flag,
  }),
  Pubsub: struct({
    Router: text,
    DisableSigning: bool,
    'Enabled?': flag,
    'SeenMessagesTTL?': duration,
    'SeenMessagesStrategy?': optionalText,
  }),
  Peering: struct({ Peers: list(struct({ ID: peerId, Addrs: list(multiaddr) })) }),
  DNS: struct({ Resolvers: map(text), 'MaxCacheTTL?': duration }),
  Migration: struct({ 'DownloadSources?': texts, 'Keep?': text }),
  AutoConf: struct({
    'URL?': optionalText,
    'Enabled?': flag,
    'RefreshInterval?': duration,
    'TLSInsecureSkipVerify?': flag,
  }),
  Provide: provide,
  Provider: struct({ 'Enabled?': flag, 'Strategy?': optionalText, 'WorkerCount?': integer }),
  Reprovider: struct({ 'Interval?': duration, 'Strategy?': optionalText }),
  HTTPRetrieval: struct({
    'Enabled?': flag,
    'Allowlist?': texts,
    'Denylist?': texts,
    'NumWorkers?': integer,
    'MaxBlockSize?': optionalText,
    'TLSInsecureSkipVerify?': flag,
    'Gateways?': texts,
  }),
  Experimental: struct({
    FilestoreEnabled: bool,
    UrlstoreEnabled: bool,
    'ShardingEnabled?': bool,
    Libp2pStreamMounting: bool,
    P2pHttpProxy: bool,
    'StrategicProviding?': bool,
    OptimisticProvide: bool,
    OptimisticProvideJobsPoolSize: int,
    'GatewayOverLibp2p?': bool,
    'GraphsyncEnabled?': obsolete,
    'AcceleratedDHTClient?': obsolete,
  }),
  Plugins: struct({ Plugins: map(struct({ Disabled: bool, 'Config?': any })) }),
  Pinning: struct({
    RemoteServices: map(
      struct({
        API: struct({ Endpoint: text, Key: text }),
        Policies: struct({ MFS: struct({ Enable: bool, PinName: text, RepinInterval: text }) }),
      }),
    ),
  }),
  Import: importing,
  Version: struct({ 'AgentSuffix?': optionalText, 'SwarmCheckEnabled?': flag, 'SwarmCheckPercentThreshold?': integer }),
  Internal: internal,
  Bitswap: struct({ 'Libp2pEnabled?': flag, 'ServerEnabled?': flag }),
})
