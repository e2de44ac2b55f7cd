import type { CID } from 'multiformats/cid'
import type { Waiting } from '../../repo/roles.ts'
import type { Exchange, FetchState } from '../exchange.ts'
import type { PeerAnswer } from './bitswap/question.ts'
import type { ProvideSettings } from './provide-settings.ts'
import type { KeyspaceNetwork } from './regional-provider.ts'
import type { SweepState } from './sweep.ts'

/** The node's side of the network: libp2p and the protocols on it. Peers are named by their ids, as text. */
export interface Network extends AsyncDisposable {
  /** The peer id of this node on the network. */
  readonly peerId: string
  /** `repo`: the repo's own identity (the daemon). `ephemeral`: a fresh one that ends with this process. */
  readonly identity: 'repo' | 'ephemeral'
  /** Name and version, as identify tells others. */
  readonly agentVersion: string
  /** The fingerprint of the key of the private network; undefined in the public one. */
  readonly privateNetwork: string | undefined
  /** The protobuf bytes of the public key. */
  readonly publicKey: Uint8Array
  /** Begins what the node need not wait for when it starts. Whoever started the network calls it, once it is ready. */
  settle(): void
  /** Asks the peers that have just connected who they are: what depends on it should not have to wait. */
  identifyPeers(): void
  /** The protocols that this node answers, sorted. */
  protocols(): string[]
  readonly swarm: Swarm
  readonly peering: Peering
  readonly bitswap: BitswapView
  readonly pubsub: Pubsub
  readonly routing: Routing
  readonly providing: Providing
  readonly naming: NameRecords
  readonly forwarding: Forwarding
  /** Bytes that went in and out. */
  bandwidth(filter?: { peer?: string; protocol?: string }): Bandwidth
  /** Opens a session: blocks from peers, from those that routing finds, and from gateways. */
  openExchange(options?: ExchangeOptions): Exchange
}

export interface ExchangeOptions extends Waiting {
  readonly lookupTimeoutMs?: number | undefined
  readonly stallTimeoutMs?: number | undefined
  /** Multiaddrs of peers to dial. */
  readonly peers?: readonly string[] | undefined
  /** Trustless gateways to ask too, as URLs. */
  readonly gateways?: readonly string[] | undefined
  /** Is told, a few times a second, how far the fetch is. */
  readonly onState?: ((state: FetchState) => void) | undefined
}

/** Since when something was announced, again and again, and when it last was, in milliseconds since 1970. */
export interface Announced {
  readonly first: number
  readonly last: number
}

/** A peer and where it can be reached. */
export interface PeerAddresses {
  readonly peer: string
  readonly addresses: readonly string[]
}

export interface PeerConnection {
  readonly peer: string
  /** The address of the other end, without `/p2p/…`. */
  readonly address: string
  readonly direction: 'inbound' | 'outbound'
  readonly latencyMs: number | undefined
  /** The protocol of each open stream; empty text while it is being negotiated. */
  readonly streams: readonly string[]
}

/** What a peer says about itself. */
export interface PeerIdentity extends PeerAddresses {
  /** Base64 of the public key in libp2p's protobuf form; empty when unknown. */
  readonly publicKey: string
  readonly agentVersion: string
  readonly protocols: readonly string[]
}

export interface Swarm {
  /** Addresses that this node tells others, without `/p2p/…`. */
  addresses(): string[]
  /** Addresses that this node listens on, wildcards resolved, without `/p2p/…`. */
  listenAddresses(): string[]
  connections(): PeerConnection[]
  /** Every peer whose addresses are known, this one first. */
  known(): Promise<PeerAddresses[]>
  /** Dials; the address ends in `/p2p/<peer>`, or is that alone. Returns the peer. Throws `network` or `usage`. */
  connect(address: string, options?: Waiting): Promise<string>
  /** Closes connections. The address may be `/p2p/<peer>`. Throws `failed` when there is none. */
  disconnect(address: string, options?: Waiting): Promise<string>
  /** Resolves when at least so many peers are connected. */
  whenConnected(peers: number, options?: Waiting): Promise<void>
  /** Returns what a peer says about itself, finding and dialling it when it is not connected. */
  identify(peer: string, options?: Waiting): Promise<PeerIdentity>
  /** Returns what is stored about a peer; undefined when nothing is. */
  identified(peer: string): Promise<PeerIdentity | undefined>
  /** Measures one round trip, in milliseconds. Dials when needed. */
  ping(peer: string, options?: Waiting): Promise<number>
  /** Masks (`/ip4/10.0.0.0/ipcidr/8`) that are refused in both directions. */
  filters(): string[]
  addFilter(mask: string): void
  removeFilter(mask: string): void
  /** What AutoNAT knows. */
  reachability(): { reachable: string[]; unreachable: string[]; unknown: string[] }
  /** Limits and their use. */
  resources(): {
    connections: { used: number; max: number }
    streams: { used: number; inbound: number; max: number }
    dials: { used: number; max: number }
  }
}

/** Peers to which this node stays connected. */
export interface Peering {
  add(address: string): string
  remove(peer: string): void
  list(): PeerAddresses[]
}

export interface BitswapStat {
  readonly blocksReceived: number
  readonly dataReceived: number
  readonly blocksSent: number
  readonly dataSent: number
  readonly duplicateBlocks: number
  readonly duplicateData: number
  readonly messagesReceived: number
  readonly wantlist: readonly CID[]
  readonly peers: readonly string[]
}

export interface BitswapLedger {
  readonly peer: string
  readonly sent: number
  readonly received: number
  /** Messages exchanged. */
  readonly exchanged: number
  /** Bytes sent divided by one more than bytes received. */
  readonly value: number
}

/** Is told what others take. */
export interface BitswapWatcher {
  /** These blocks were sent to a peer. */
  sent(peer: string, cids: readonly CID[]): void
  /** A peer is no longer connected. */
  gone(peer: string): void
}

export interface BitswapView {
  stat(): BitswapStat
  /** When a block was last sent or received, by `performance.now()`; 0 when none was. */
  readonly transferredAt: number
  /** What this node wants, or what a peer wants of it. */
  wantlist(peer?: string): CID[]
  ledger(peer: string): BitswapLedger
  /** Asks one peer, which is connected, for one block. Rejects when the peer goes away, or the signal aborts. */
  ask(peer: string, cid: CID, options?: Waiting): Promise<PeerAnswer>
  /** Tells somebody what is sent from now on, until what it returns is disposed of. */
  watch(watcher: BitswapWatcher): Disposable
}

export interface Bandwidth {
  readonly totalIn: number
  readonly totalOut: number
  /** Bytes a second. */
  readonly rateIn: number
  readonly rateOut: number
}

export interface PubsubMessage {
  /** The peer that signed it. */
  readonly from: string
  readonly data: Uint8Array
  readonly seqno: Uint8Array
  readonly topics: readonly Uint8Array[]
}

/** Decides whether a message is taken, and passed on. */
export type MessageCheck = (message: PubsubMessage) => boolean | Promise<boolean>

export interface Pubsub {
  /** Begins to take part, if this node does not yet: an ephemeral one begins when it is first asked to. */
  start(): Promise<void>
  /** Yields messages until the signal aborts or the caller leaves. Subscribed when `onSubscribed` is called. */
  subscribe(topic: Uint8Array, options?: Waiting & { onSubscribed?: () => void }): AsyncIterable<PubsubMessage>
  /** Publishes; returns to how many peers it was sent. Waits while send queues are full. Throws `usage` when it is too big. */
  publish(topic: Uint8Array, data: Uint8Array, options?: Waiting): Promise<{ recipients: number }>
  topics(): Uint8Array[]
  /** Peers that are subscribed to a topic, or to any. */
  peers(topic?: Uint8Array): string[]
  /** Messages of a topic are taken, and passed on, only when they pass. One check a topic; undefined takes it away. */
  check(topic: Uint8Array, check: MessageCheck | undefined): void
  /** Forgets the sequence numbers that guard against replay, of one peer or of all. Returns how many. */
  reset(peer?: string): Promise<number>
}

/** What happens during a query, with Kubo's numbers for `type`. */
export interface QueryEvent {
  /** 0 sending query, 1 peer response, 2 final peer, 3 query error, 4 provider, 5 value, 6 adding peer, 7 dialing peer. */
  readonly type: number
  readonly peer: string
  readonly responses?: readonly PeerAddresses[] | undefined
  readonly extra?: string | undefined
}

export interface RoutingOptions extends Waiting {
  readonly onEvent?: ((event: QueryEvent) => void) | undefined
}

export interface FindProvidersOptions {
  readonly count?: number | undefined
  /** This node is about to announce that it has the CID. */
  readonly providesToo?: boolean | undefined
}

export interface Routing {
  /** Yields each provider once: this node first when it `providesToo`, then connected ones. */
  findProviders(cid: CID, options?: RoutingOptions & FindProvidersOptions): AsyncIterable<PeerAddresses>
  /** Throws `not-found`. */
  findPeer(peer: string, options?: RoutingOptions): Promise<PeerAddresses>
  /** Tells others that this node has a block. Returns how many peers took it; throws `network` when none did. */
  provide(cid: CID, options?: RoutingOptions): Promise<number>
  getValue(key: Uint8Array, options?: RoutingOptions): Promise<Uint8Array>
  /** Yields valid values as they are found, in any order, and the same one again and again: `countMax` at most. */
  searchValue(key: Uint8Array, options?: RoutingOptions & { countMax?: number }): AsyncIterable<Uint8Array>
  putValue(key: Uint8Array, value: Uint8Array, options?: RoutingOptions): Promise<void>
  /** Yields the peers that are closest to a peer id's key. */
  closestPeers(peer: string, options?: RoutingOptions): AsyncIterable<PeerAddresses>
  /** Returns when this node has told others that it has a block; undefined: not that is known. */
  announced(cid: CID): Announced | undefined
  /** Calls back, until the signal aborts, whenever a routing table takes a peer. */
  onPeer(met: () => void, signal: AbortSignal): void
  /** The DHTs that are provided in, for whoever provides much. */
  keyspaces(): readonly KeyspaceNetwork<unknown>[]
  /** The routing tables, by name (`wan`, `lan`). */
  tables(): Promise<readonly RoutingTable[]>
}

export interface RoutingTable {
  readonly name: string
  readonly buckets: readonly {
    readonly lastRefresh: number | undefined
    readonly peers: readonly {
      readonly peer: string
      readonly connected: boolean
      readonly agentVersion: string
      readonly lastUsefulMs: number | undefined
      readonly lastQueriedMs: number | undefined
    }[]
  }[]
}

/** How providing goes. Times are in milliseconds since 1970. */
export interface ProvideStat {
  readonly settings: ProvideSettings
  readonly startedAt: number
  /** Since when there has been a peer; undefined when there is none. */
  readonly connectedSince: number | undefined
  /** Roots that wait to be provided. */
  readonly queued: number
  /** Blocks that are provided again and again. */
  readonly scheduled: number
  /** Blocks that are being provided now, for the first time and again. */
  readonly ongoing: number
  readonly reproviding: number
  /** Blocks that were provided for the first time, and how long that took in all. */
  readonly provided: number
  readonly durationMs: number
  /** Records that peers took. */
  readonly records: number
  readonly failed: number
  readonly reprovided: number
  readonly lastReprovide: number | undefined
  readonly lastReprovideDurationMs: number
  readonly lastReprovideKeys: number
  /** By region; empty with `Provide.DHT.SweepEnabled` off. */
  readonly sweeps: readonly SweepState[]
}

/** Tells others what this node has. */
export interface Providing {
  stat(): Promise<ProvideStat>
  /** Looks at the queue now, and tries again what failed. */
  wake(): void
  /** Forgets what waits to be provided; returns how many. */
  clear(): Promise<number>
  /** Provides everything that the strategy names, now. */
  reprovide(options?: Waiting): Promise<void>
}

/** IPNS records over routing and pubsub. */
export interface NameRecords {
  /** Stores a signed record where others find it; names are multihashes. Throws `network` when nobody took it. */
  put(name: Uint8Array, record: Uint8Array, options?: Waiting): Promise<void>
  /** Yields records, each valid and newer than the one before. */
  get(name: Uint8Array, options?: Waiting & { recordsMax?: number }): AsyncIterable<Uint8Array>
  /** Names followed by pubsub. */
  readonly pubsub: { enabled: boolean; subscriptions(): Uint8Array[]; cancel(name: Uint8Array): boolean }
}

export interface ForwardedListener {
  readonly protocol: string
  readonly listenAddress: string
  readonly targetAddress: string
}

export interface ForwardedStream {
  readonly id: number
  readonly protocol: string
  readonly originAddress: string
  readonly targetAddress: string
}

/** A listener that was just opened. */
export interface OpenListener extends ForwardedListener {
  /** Resolves when it has been closed, by whomever. */
  readonly closed: Promise<void>
  close(): Promise<void>
}

/** TCP connections that travel over libp2p streams (`p2p listen`, `p2p forward`). */
export interface Forwarding {
  /** Streams of a protocol that come in are connected to a TCP address. */
  listen(protocol: string, target: string, options?: { reportPeerId?: boolean }): Promise<OpenListener>
  /** TCP connections to `listen` become streams to a peer. */
  forward(protocol: string, listen: string, target: string): Promise<OpenListener>
  listeners(): ForwardedListener[]
  /** Returns how many were closed. */
  closeListeners(filter: { protocol?: string; listenAddress?: string; targetAddress?: string }): Promise<number>
  streams(): ForwardedStream[]
  /** Closes one stream, or all. */
  closeStreams(id?: number): void
}
