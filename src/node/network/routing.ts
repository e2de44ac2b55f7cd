import type { PeerId } from '@libp2p/interface'
import type { QueryEvent as DhtEvent } from '@libp2p/kad-dht'
import type { CID } from 'multiformats/cid'
import { Failure } from '../../contract/failure.ts'
import { parseAddress, parsePeer, withoutPeer } from './addresses.ts'
import { DelegatedRouter } from './delegated-router.ts'
import type { Dht, DhtName } from './dht.ts'
import type { DhtRecords } from './dht-records.ts'
import { mergeSources } from './merge.ts'
import type {
  Announced,
  FindProvidersOptions,
  PeerAddresses,
  QueryEvent,
  Routing,
  RoutingOptions,
  RoutingTable,
} from './network.ts'
import type { Part, PartBase, PartContext, Services } from './parts.ts'
import type { DirectProvider } from './provide-direct.ts'
import { addressesOf, isUntold, PROVIDER_EVENT, queryEvent } from './query-events.ts'
import type { KeyspaceNetwork } from './regional-provider.ts'
import { type Neighbour, placeOf } from './regions.ts'
import { type Method, type RoutingSetup, routingSetup } from './routing-config.ts'
import { whenReady } from './routing-ready.ts'
import { readTable } from './routing-tables.ts'

const SERVICES: Readonly<Record<DhtName, string>> = { wan: 'wanDht', lan: 'lanDht' }
const PROVIDERS_DEFAULT = 20
const PREFIX_IPNS = '/ipns/'
const LOOKUP_TIMEOUT_MS = 60_000
const SEND_TIMEOUT_MS = 60_000
const NO_PEERS = 'failed to find any peer in table'

/** Returns what routing needs of libp2p: the DHTs, unless `Routing.Type` says otherwise. */
export async function routingServices(base: PartBase): Promise<Services> {
  const setup = routingSetup(base.config, base.identity)
  const names = dhtNames(setup)
  if (names.length === 0) return {}
  const [{ dhtService }, { DhtRecords }] = await Promise.all([import('./dht.ts'), import('./dht-records.ts')])
  const records = new DhtRecords(
    base.identity === 'repo' && !base.node.repo.readOnly ? base.node.repo.values : undefined,
  )
  const services: Services = { dhtRecords: () => records }
  for (const name of names) {
    services[SERVICES[name]] = dhtService({
      name,
      mode: setup.dhts[name] ?? 'client',
      loopback: setup.loopback,
      records,
    })
  }
  return services
}

function recordsOf(services: Readonly<Record<string, unknown>>): Pick<DhtRecords, 'provided'> | undefined {
  const { dhtRecords } = services
  const isRecords = typeof dhtRecords === 'object' && dhtRecords !== null && 'provided' in dhtRecords
  return isRecords ? (dhtRecords as DhtRecords) : undefined
}

/** Returns routing on a node that has started. */
export async function createRouting(context: PartContext): Promise<Part<Routing>> {
  const setup = routingSetup(context.config, context.identity)
  const dhts = new Map<DhtName, Dht>()
  const names = dhtNames(setup)
  if (names.length > 0) {
    const { dhtOf } = await import('./dht.ts')
    for (const name of names) {
      const dht = dhtOf(context.libp2p.services, SERVICES[name])
      if (dht !== undefined) dhts.set(name, dht)
    }
  }
  const routing = new CombinedRouting(context, setup, dhts)
  // What is gone soon provides nothing, and need not load what does it fast.
  if (context.identity === 'repo' && dhts.size > 0) await routing.provideDirectly()
  return routing
}

/** Dials the peers that --peer names: a node that is gone soon knows no others. What cannot be reached is logged. */
async function dialNamed({ libp2p, node, identity, signal, log }: PartContext): Promise<void> {
  if (identity === 'repo') return
  const dial = async (address: string): Promise<void> => {
    try {
      await libp2p.dial(parseAddress(address), { signal })
    } catch (error) {
      log('dht', 'debug', `${address}: ${String(error)}`)
    }
  }
  await Promise.all(node.globals.peers.map(dial))
}

function dhtNames(setup: RoutingSetup): DhtName[] {
  return (['wan', 'lan'] as const).filter(name => setup.dhts[name] !== undefined)
}

/** For a DHT without peers, which has nobody to wait for. */
const LONE_PUT_TIMEOUT_MS = 1_000

/** Asks the DHTs and HTTP routers at once. */
class CombinedRouting implements Routing {
  readonly #context: PartContext
  readonly #setup: RoutingSetup
  readonly #dhts: ReadonlyMap<DhtName, Dht>
  readonly #direct = new Map<Dht, DirectProvider>()
  readonly #dialled: Promise<void>

  constructor(context: PartContext, setup: RoutingSetup, dhts: ReadonlyMap<DhtName, Dht>) {
    this.#context = context
    this.#setup = setup
    this.#dhts = dhts
    this.#dialled = dialNamed(context)
  }

  /** Leaves lookups out where a small network is known; before it is asked for anything. */
  async provideDirectly(): Promise<void> {
    const { DirectProvider } = await import('./provide-direct.ts')
    const { loopback } = this.#setup
    for (const [name, dht] of this.#dhts) {
      this.#direct.set(dht, new DirectProvider(dht, this.#context.libp2p, { name, loopback }))
    }
  }

  async *findProviders(cid: CID, options: RoutingOptions & FindProvidersOptions = {}): AsyncIterable<PeerAddresses> {
    const seen = new Set<string>(this.#setup.ignored)
    let left = options.count ?? PROVIDERS_DEFAULT
    const here = options.providesToo === true ? [() => this.#self()] : []
    const sources = [
      ...here,
      ...(await this.#ready('find-providers', options)).map(
        dht => (stop: AbortSignal) => providersOf(dht, cid, stop, event => this.#tell(event, options)),
      ),
      ...this.#routers('find-providers').map(
        router => (stop: AbortSignal) => router.findProviders(cid, { signal: stop }),
      ),
    ]
    for await (const provider of mergeSources(sources, options.signal)) {
      if (seen.has(provider.peer)) continue
      seen.add(provider.peer)
      options.onEvent?.({ type: PROVIDER_EVENT, peer: '', responses: [provider] })
      yield provider
      left -= 1
      if (left <= 0) return
    }
  }

  async *#self(): AsyncGenerator<PeerAddresses> {
    const { libp2p } = this.#context
    yield { peer: libp2p.peerId.toString(), addresses: libp2p.getMultiaddrs().map(withoutPeer) }
  }

  async findPeer(text: string, options: RoutingOptions = {}): Promise<PeerAddresses> {
    const peer = parsePeer(text)
    const known = await this.#connected(peer)
    if (known !== undefined) return known
    const sources = [
      ...(await this.#ready('find-peers', options)).map(
        dht => (stop: AbortSignal) =>
          peersOf(dht.findPeer(peer, { signal: stop }), event => this.#tell(event, options)),
      ),
      ...this.#routers('find-peers').map(
        router =>
          async function* (stop: AbortSignal) {
            const found = await router.findPeer(peer.toMultihash().bytes, { signal: stop })
            if (found !== undefined) yield found
          },
      ),
    ]
    try {
      for await (const found of mergeSources(sources, options.signal)) {
        if (found.peer === peer.toString() && found.addresses.length > 0) return found
      }
    } catch (error) {
      options.signal?.throwIfAborted()
      this.#context.log('dht', 'debug', `findPeer ${text}: ${String(error)}`)
    }
    throw new Failure('not-found', 'routing: not found', { data: { peer: text } })
  }

  async provide(cid: CID, options: RoutingOptions = {}): Promise<number> {
    const dhts = await this.#ready('provide', options)
    const counts = await Promise.all(dhts.map(dht => this.#provideIn(dht, cid, options)))
    const sent = counts.reduce((sum, count) => sum + count, 0)
    if (sent > 0) return sent
    throw new Failure('network', dhts.length === 0 ? NO_PEERS : 'no peer took the provider record')
  }

  async #provideIn(dht: Dht, cid: CID, options: RoutingOptions): Promise<number> {
    const direct = this.#direct.get(dht)
    const told = await direct?.provide(cid)
    if (told !== undefined) return told
    let sent = 0
    for await (const event of dht.provide(cid, { signal: options.signal })) {
      this.#tell(event, options)
      if (event.name === 'PEER_RESPONSE' && event.messageName === 'ADD_PROVIDER') sent += 1
    }
    direct?.learn(sent)
    return sent
  }

  async getValue(key: Uint8Array, options: RoutingOptions = {}): Promise<Uint8Array> {
    const tell = (event: DhtEvent): void => this.#tell(event, options)
    const isName = isNameKey(key)
    let found: Uint8Array | undefined
    const sources = (await this.#ready('get-ipns', options)).map(
      dht =>
        async function* (stop: AbortSignal) {
          for await (const event of dht.get(key, { signal: stop })) {
            tell(event)
            if (event.name === 'VALUE') yield event.value
          }
        },
    )
    const routers = isName ? this.#routers('get-ipns') : []
    for await (const value of mergeSources(
      [...sources, ...routers.map(router => recordFrom(router, key))],
      options.signal,
    )) {
      if (found === undefined || (isName && (await newest(key, found, value)) === value)) found = value
    }
    if (found === undefined) throw new Failure('not-found', 'routing: not found')
    return found
  }

  async *searchValue(key: Uint8Array, options: RoutingOptions & { countMax?: number } = {}): AsyncIterable<Uint8Array> {
    const tell = (event: DhtEvent): void => this.#tell(event, options)
    let left = options.countMax === undefined || options.countMax === 0 ? Number.POSITIVE_INFINITY : options.countMax
    const sources = (await this.#ready('get-ipns', options)).map(
      dht =>
        async function* (stop: AbortSignal) {
          for await (const event of dht.get(key, { signal: stop })) {
            tell(event)
            // Records in answers have been checked; the last event repeats the best of them, or is our own.
            if (event.name === 'PEER_RESPONSE' && event.record !== undefined) yield event.record.value
            if (event.name === 'VALUE') yield event.value
          }
        },
    )
    const routers = isNameKey(key) ? this.#routers('get-ipns') : []
    for await (const value of mergeSources(
      [...sources, ...routers.map(router => recordFrom(router, key))],
      options.signal,
    )) {
      yield value
      left -= 1
      if (left <= 0) return
    }
  }

  async putValue(key: Uint8Array, value: Uint8Array, options: RoutingOptions = {}): Promise<void> {
    let taken = 0
    const ready = await this.#ready('put-ipns', options)
    const puts = ready.map(async dht => {
      for await (const event of dht.put(key, value, { signal: options.signal })) {
        this.#tell(event, options)
        if (event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE') taken += 1
      }
    })
    await this.#keepValue(key, value, ready)
    const publishers = isNameKey(key) ? this.#routers('put-ipns') : []
    const sent = publishers.map(async router => {
      await router.putRecord(key.subarray(PREFIX_IPNS.length), value, { signal: options.signal })
      taken += 1
    })
    const results = await Promise.allSettled([...puts, ...sent])
    options.signal?.throwIfAborted()
    if (taken > 0) return
    const failed = results.find(result => result.status === 'rejected')
    throw new Failure('network', ready.length === 0 ? NO_PEERS : 'no peer took the value', {
      cause: failed?.reason,
    })
  }

  /** A DHT that has no peers yet keeps the value all the same: peers that come later ask this node for it. */
  async #keepValue(key: Uint8Array, value: Uint8Array, ready: readonly Dht[]): Promise<void> {
    if (!this.#setup.dhtMethods.has('put-ipns')) return
    for (const dht of this.#dhts.values()) {
      if (ready.includes(dht)) continue
      try {
        for await (const _ of dht.put(key, value, { signal: AbortSignal.timeout(LONE_PUT_TIMEOUT_MS) })) break
      } catch {
        // It stores the value before it looks for peers, of which it finds none.
      }
    }
  }

  async *closestPeers(text: string, options: RoutingOptions = {}): AsyncIterable<PeerAddresses> {
    const peer = parsePeer(text)
    const [dht] = await this.#ready('find-peers', options)
    if (dht === undefined) throw new Failure('network', NO_PEERS)
    for await (const event of dht.getClosestPeers(peer.toMultihash().bytes, { signal: options.signal })) {
      if (event.name === 'FINAL_PEER') yield addressesOf(event.peer)
      else this.#tell(event, options)
    }
  }

  announced(cid: CID): Announced | undefined {
    const { libp2p } = this.#context
    const records = recordsOf(libp2p.services)
    // What has announced keeps its own record, too.
    const own = [...this.#dhts.keys()].flatMap(name => {
      const times = records?.provided(name, cid.multihash.bytes, libp2p.peerId.toString())
      return times === undefined ? [] : [times]
    })
    if (own.length === 0) return undefined
    return {
      first: Math.min(...own.map(({ first }) => first)),
      last: Math.max(...own.map(({ last }) => last)),
    }
  }

  onPeer(met: () => void, signal: AbortSignal): void {
    for (const { routingTable } of this.#dhts.values()) {
      routingTable.addEventListener('peer:add', met)
      signal.addEventListener('abort', () => routingTable.removeEventListener('peer:add', met))
    }
  }

  keyspaces(): readonly KeyspaceNetwork<unknown>[] {
    if (!this.#setup.dhtMethods.has('provide')) return []
    const own = this.#context.libp2p.peerId
    return [...this.#dhts].flatMap(([name, dht]) => {
      const direct = this.#direct.get(dht)
      return direct === undefined ? [] : [keyspaceOf(name, dht, direct, own)]
    })
  }

  async tables(): Promise<readonly RoutingTable[]> {
    return await Promise.all([...this.#dhts].map(([name, dht]) => readTable(name, dht, this.#context.libp2p)))
  }

  /** Returns the DHTs that have peers, the public one first; waits a while for peers that are about to be there. */
  async #ready(method: Method, { signal }: RoutingOptions): Promise<Dht[]> {
    if (!this.#setup.dhtMethods.has(method)) return []
    const dhts = [...this.#dhts.values()]
    await this.#dialled
    await whenReady(dhts, this.#context, signal)
    return dhts.filter(dht => dht.routingTable.size > 0)
  }

  #tell(event: DhtEvent, { onEvent }: RoutingOptions): void {
    if (onEvent === undefined) return
    const { libp2p } = this.#context
    const isConnected = (peer: string): boolean => libp2p.getConnections(parsePeer(peer)).length > 0
    const told: QueryEvent | undefined = queryEvent(event)
    if (told !== undefined && !isUntold(told, libp2p.peerId.toString(), isConnected)) onEvent(told)
  }

  #routers(method: Method): DelegatedRouter[] {
    return this.#setup.urls[method].map(url => new DelegatedRouter(url))
  }

  async #connected(peer: PeerId): Promise<PeerAddresses | undefined> {
    const connections = this.#context.libp2p.getConnections(peer)
    if (connections.length === 0) return undefined
    const { addresses } = await this.#context.libp2p.peerStore.get(peer)
    const known =
      addresses.length > 0 ? addresses.map(({ multiaddr }) => multiaddr) : connections.map(each => each.remoteAddr)
    return { peer: peer.toString(), addresses: known.map(String) }
  }
}

/** Returns a DHT as providing by regions sees it. */
function keyspaceOf(name: DhtName, dht: Dht, direct: DirectProvider, own: PeerId): KeyspaceNetwork<PeerId> {
  return {
    name,
    replication: dht.k,
    isEmpty: () => dht.routingTable.size === 0,
    async lookup(key, signal) {
      const found: Neighbour<PeerId>[] = []
      const limit = AbortSignal.any([signal, AbortSignal.timeout(LOOKUP_TIMEOUT_MS)])
      for await (const event of dht.getClosestPeers(key, { signal: limit })) {
        if (event.name !== 'FINAL_PEER' || event.peer.id.equals(own)) continue
        const { id } = event.peer
        found.push({ id: id.toString(), place: placeOf(id.toMultihash().bytes), peer: id })
      }
      if (found.length === 0) throw new Failure('network', NO_PEERS)
      return found
    },
    send: (peer, cids, signal) =>
      direct.send(peer, cids, AbortSignal.any([signal, AbortSignal.timeout(SEND_TIMEOUT_MS)])),
    announced: cid => dht.providers.addProvider(cid, own),
  }
}

async function* providersOf(
  dht: Dht,
  cid: CID,
  signal: AbortSignal,
  tell: (event: DhtEvent) => void,
): AsyncIterable<PeerAddresses> {
  for await (const event of dht.findProviders(cid, { signal })) {
    tell(event)
    if (event.name === 'PROVIDER') yield* event.providers.map(addressesOf)
  }
}

async function* peersOf(
  events: AsyncIterable<DhtEvent>,
  tell: (event: DhtEvent) => void,
): AsyncIterable<PeerAddresses> {
  for await (const event of events) {
    if (event.name === 'FINAL_PEER') yield addressesOf(event.peer)
    else tell(event)
  }
}

function recordFrom(router: DelegatedRouter, key: Uint8Array): (stop: AbortSignal) => AsyncIterable<Uint8Array> {
  return async function* (stop) {
    const { checkRecord, parseRecord } = await import('../ipns/record.ts')
    const name = key.subarray(PREFIX_IPNS.length)
    const bytes = await router.getRecord(name, { signal: stop })
    if (bytes === undefined) return
    try {
      await checkRecord(parseRecord(bytes), name)
    } catch (error) {
      // A server that hands out what is not valid has no record.
      if (error instanceof Failure) return
      throw error
    }
    yield bytes
  }
}

async function newest(_key: Uint8Array, one: Uint8Array, other: Uint8Array): Promise<Uint8Array> {
  const { compareRecords, parseRecord } = await import('../ipns/record.ts')
  return compareRecords(parseRecord(one), parseRecord(other)) >= 0 ? one : other
}

function isNameKey(key: Uint8Array): boolean {
  return Buffer.from(key.subarray(0, PREFIX_IPNS.length)).toString('latin1') === PREFIX_IPNS
}
