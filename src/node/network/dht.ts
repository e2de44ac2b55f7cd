import type { PeerId, PeerInfo } from '@libp2p/interface'
import { type KadDHT, kadDHT, removePrivateAddressesMapper, removePublicAddressesMapper } from '@libp2p/kad-dht'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { isNameHash } from '../ipns/name.ts'
import { checkRecord, compareRecords, type NameRecord, parseRecord } from '../ipns/record.ts'
import type { DhtRecords } from './dht-records.ts'
import type { Components, Services } from './parts.ts'

/** The two networks of the DHT: the public one, and the one of private addresses. */
export type DhtName = 'wan' | 'lan'

/** `auto`: a client that becomes a server when others can reach it. */
export type DhtMode = 'client' | 'server' | 'auto'

export interface DhtOptions {
  readonly name: DhtName
  readonly mode: DhtMode
  /** Loopback addresses count as addresses of the local network (`Routing.LoopbackAddressesOnLanDHT`). */
  readonly loopback: boolean
  readonly records: DhtRecords
}

/** A peer in a routing table. */
interface Contact {
  readonly peerId: PeerId
  readonly kadId: Uint8Array
  readonly lastPing: number
}

/** What the interface of the library does not show. */
interface Insides {
  readonly routingTable: EventTarget & {
    readonly size: number
    readonly kb: { readonly localPeer?: Contact; toIterable(): Iterable<Contact> }
    readonly closestPeerTagger: { refreshInterval: number; updatePeerTags(): Promise<void> }
  }
  readonly providers: {
    addProvider(cid: CID, provider: PeerId): Promise<void>
    loadProviders(cid: CID): Promise<{ get(provider: PeerId): Date | undefined }>
  }
  readonly rpc: { readonly handlers: Record<string, { handle: Handle }> }
}

type Handle = (peer: PeerId, message: Message) => Promise<Message | undefined>

interface Message {
  readonly key?: Uint8Array | undefined
  readonly providers?: readonly { readonly id: Uint8Array; readonly multiaddrs: readonly Uint8Array[] }[] | undefined
}

type DhtComponents = Parameters<ReturnType<typeof kadDHT>>[0]

/** A DHT that libp2p runs. */
export type Dht = KadDHT & Insides

const PROTOCOLS: Readonly<Record<DhtName, string>> = { wan: '/ipfs/kad/1.0.0', lan: '/ipfs/lan/kad/1.0.0' }
const MESSAGES_WITH_HASH = ['ADD_PROVIDER', 'GET_PROVIDERS']
/** The library would provide again by itself what it has provided once; providing.ts does that. */
const NEVER_MS = 2 ** 31 - 1
/** The closest peers are looked up so long after one was met. */
const TAG_DELAY_MS = 5_000
const RAW = 0x55
/** For so long the addresses of a peer are not stored again, and of so many peers. */
const TOLD_MS = 60_000
const TOLD_PEERS_MAX = 256

/** Returns the service of libp2p that runs a DHT. https://github.com/libp2p/specs/tree/master/kad-dht */
export function dhtService(options: DhtOptions): Services[string] {
  const { name, mode, records } = options
  const filter = addressFilter(options)
  const make = kadDHT({
    protocol: PROTOCOLS[name],
    logPrefix: `libp2p:dht-${name}`,
    datastorePrefix: `/dht/${name}`,
    ...(mode === 'auto' ? {} : { clientMode: mode === 'client' }),
    // Whoever asks waits for peers; the library would wait for ever.
    allowQueryWithZeroPeers: true,
    peerInfoMapper: filter,
    validators: { ipns: validateName },
    selectors: { ipns: selectName },
    reprovide: { interval: NEVER_MS },
  })
  return (components: Components) => {
    const own = withOwn(components, records, filter)
    if (!hasPing(own)) throw new Error('the DHT needs the service "ping" of libp2p')
    const dht = make(own)
    if (hasInsides(dht)) {
      tagWhenMet(dht)
      storeAddressesOnce(dht)
      acceptEveryHash(dht)
    }
    return dht
  }
}

/** Returns the protocol of a DHT. */
export function protocolOf(name: DhtName): string {
  return PROTOCOLS[name]
}

/** Returns the DHT that libp2p runs under a name of service. */
export function dhtOf(services: object, name: string): Dht | undefined {
  const service: unknown = Reflect.get(services, name)
  return typeof service === 'object' && service !== null && hasInsides(service) ? service : undefined
}

/** Returns what takes addresses away from a peer that are of no use in this network. */
export function addressFilter({ name, loopback }: Pick<DhtOptions, 'name' | 'loopback'>): (peer: PeerInfo) => PeerInfo {
  if (name === 'wan') return removePrivateAddressesMapper
  if (loopback) return removePublicAddressesMapper
  return peer => ({
    ...peer,
    multiaddrs: removePublicAddressesMapper(peer).multiaddrs.filter(
      address => !/^\/(ip4\/127\.|ip6\/::1\/)/.test(address.toString()),
    ),
  })
}

/** Gives a DHT its own records, and tells others only those of our addresses that are of use to them. */
function withOwn(components: Components, records: DhtRecords, filter: (peer: PeerInfo) => PeerInfo): Components {
  const { addressManager, peerId } = components
  const addresses = new Proxy(addressManager, {
    get(target, property) {
      if (property === 'getAddresses') return () => filter({ id: peerId, multiaddrs: target.getAddresses() }).multiaddrs
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return new Proxy(components, {
    get(target, property) {
      if (property === 'datastore') return records
      if (property === 'addressManager') return addresses
      return Reflect.get(target, property, target)
    },
  })
}

function hasPing(components: Components): components is Components & DhtComponents {
  return Reflect.get(components, 'ping') !== undefined
}

function hasInsides(dht: object): dht is Dht {
  return 'routingTable' in dht && 'providers' in dht && 'rpc' in dht && 'findProviders' in dht
}

/** The library looks every five seconds whether other peers are the closest now: here after one was met. */
function tagWhenMet({ routingTable }: Dht): void {
  const { closestPeerTagger } = routingTable
  closestPeerTagger.refreshInterval = NEVER_MS
  let isDue = false
  const tag = (): void => {
    isDue = false
    // A peer may have been forgotten meanwhile.
    void closestPeerTagger.updatePeerTags().catch(() => undefined)
  }
  routingTable.addEventListener('peer:ping', () => {
    if (!isDue) setTimeout(tag, TAG_DELAY_MS).unref()
    isDue = true
  })
}

/**
 * Providers are asked for by multihash. The library takes it for a CID, which is true of sha2-256 alone: others are
 * made CIDs on the way in, and are multihashes again on the way out.
 */
function acceptEveryHash(dht: Dht): void {
  for (const type of MESSAGES_WITH_HASH) {
    const handler = dht.rpc.handlers[type]
    if (handler === undefined) throw new Error(`the DHT does not answer ${type}`)
    const handle = handler.handle.bind(handler)
    handler.handle = async (peer, message) => {
      const { key } = message
      const cid = key === undefined ? undefined : cidOfHash(key)
      if (cid === undefined) return await handle(peer, message)
      const answer = await handle(peer, { ...message, key: cid.bytes })
      return answer === undefined ? undefined : { ...answer, key }
    }
  }
}

/**
 * A peer that provides thousands of blocks tells its addresses with each of them. To store them takes longer than the
 * record: what it has told a moment ago is not stored again.
 */
function storeAddressesOnce(dht: Dht): void {
  const handler = dht.rpc.handlers.ADD_PROVIDER
  if (handler === undefined) throw new Error('the DHT takes no providers')
  const handle = handler.handle.bind(handler)
  const told = new Map<string, { readonly addresses: string; readonly until: number }>()
  handler.handle = async (peer, message) => {
    const [provider, ...others] = message.providers ?? []
    const { key } = message
    if (provider === undefined || others.length > 0 || key === undefined) return await handle(peer, message)
    const id = peer.toString()
    const addresses = Buffer.concat([provider.id, ...provider.multiaddrs]).toString('latin1')
    const known = told.get(id)
    if (known?.addresses === addresses && known.until > Date.now()) {
      await dht.providers.addProvider(CID.decode(key), peer)
      return undefined
    }
    const answer = await handle(peer, message)
    const isOwn = Buffer.compare(provider.id, peer.toMultihash().bytes) === 0
    if (isOwn && provider.multiaddrs.length > 0) told.set(id, { addresses, until: Date.now() + TOLD_MS })
    if (told.size > TOLD_PEERS_MAX) told.clear()
    return answer
  }
}

function cidOfHash(multihash: Uint8Array): CID | undefined {
  if (multihash[0] === 0x12) return undefined
  try {
    return CID.createV1(RAW, Digest.decode(multihash))
  } catch {
    // It may be a CID, as very old nodes send.
    return undefined
  }
}

/** Throws unless a value is a valid record of the name in the key. */
async function validateName(key: Uint8Array, value: Uint8Array): Promise<void> {
  const name = key.subarray('/ipns/'.length)
  if (!isNameHash(name)) throw new Error('the key holds no name')
  await checkRecord(parseRecord(value), name)
}

function selectName(_: Uint8Array, values: readonly Uint8Array[]): number {
  let best: { record: NameRecord; at: number } | undefined
  for (const [at, value] of values.entries()) {
    const record = parseRecord(value)
    if (best === undefined || compareRecords(record, best.record) > 0) best = { record, at }
  }
  return best?.at ?? 0
}
