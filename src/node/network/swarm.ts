import { publicKeyToProtobuf } from '@libp2p/crypto/keys'
import type { Connection, Libp2p, Peer, PeerId } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { Failure } from '../../contract/failure.ts'
import type { Waiting } from '../../repo/roles.ts'
import { parsePeer, parseTarget, withoutPeer } from './addresses.ts'
import type { ConnectionLimits } from './connection-limits.ts'
import { dialFailure } from './dial-failure.ts'
import { type AddressFilters, unreachableNetworks } from './filters.ts'
import type { Identifying } from './identify-later.ts'
import { roundTripMs } from './keep-alive.ts'
import type { LeftPeers } from './left-peers.ts'
import type { PeerAddresses, PeerConnection, PeerIdentity, Swarm } from './network.ts'
import type { Components, PartContext } from './parts.ts'
import { pingOnce } from './ping.ts'

const DIAL_TIMEOUT_MS = 15_000
const IDENTIFY_TIMEOUT_MS = 10_000
/** What `swarm connect` connected is kept, when connections are closed because there are too many. */
const CONNECTED_TAG = { 'user-connect': { value: 100 } }
/** What need not be done before a connection is there is done so much later: whoever waits for it has been told by then. */
const AFTERWARDS_MS = 5
/** As long as libp2p has it, for one address. */
const ADDRESS_DIAL_TIMEOUT_MS = 10_000
/** What libp2p notes of a peer that it has dialled, and looks at when it dials again. */
const DIALLED_KEY = 'last-dial-success'

/** What the swarm needs beside libp2p. */
export interface SwarmRoles {
  readonly filters: AddressFilters
  readonly limits: ConnectionLimits
  readonly identifying: Identifying
  /** Is told of a peer that was connected because somebody asked for it, a moment after. */
  readonly connected: (peer: string) => void
}

/** Returns connections, addresses and what peers say about themselves. */
export function createSwarm(context: PartContext, roles: SwarmRoles): Swarm {
  return new LibSwarm(context, roles)
}

class LibSwarm implements Swarm {
  readonly #libp2p: Libp2p
  readonly #components: Components
  readonly #filters: AddressFilters
  readonly #limits: ConnectionLimits
  readonly #identifying: Identifying
  readonly #unreachable = unreachableNetworks()
  readonly #left: LeftPeers
  readonly #closing: AbortSignal
  readonly #connected: (peer: string) => void
  /** What is about to be stored. */
  readonly #storing = new Set<Promise<void>>()

  constructor({ libp2p, components, left, signal }: PartContext, roles: SwarmRoles) {
    this.#libp2p = libp2p
    this.#components = components
    this.#filters = roles.filters
    this.#limits = roles.limits
    this.#identifying = roles.identifying
    this.#connected = roles.connected
    this.#left = left
    this.#closing = signal
  }

  addresses(): string[] {
    return this.#libp2p.getMultiaddrs().map(withoutPeer)
  }

  listenAddresses(): string[] {
    return this.#components.transportManager.getAddrs().map(withoutPeer)
  }

  connections(): PeerConnection[] {
    return this.#libp2p.getConnections().map(connection => ({
      peer: connection.remotePeer.toString(),
      address: withoutPeer(connection.remoteAddr),
      direction: connection.direction,
      latencyMs: connection.rtt ?? roundTripMs(connection),
      streams: connection.streams.map(stream => stream.protocol ?? ''),
    }))
  }

  async known(): Promise<PeerAddresses[]> {
    await Promise.all(this.#storing)
    const peers = await this.#libp2p.peerStore.all()
    const self = this.#libp2p.peerId
    const others = peers
      .filter(({ id, addresses }) => addresses.length > 0 || this.#libp2p.getConnections(id).length > 0)
      .filter(({ id }) => !id.equals(self))
      .map(peer => ({ peer: peer.id.toString(), addresses: addressesOf(peer).sort() }))
    return [{ peer: self.toString(), addresses: this.addresses().sort() }, ...others]
  }

  async connect(text: string, { signal }: Waiting = {}): Promise<string> {
    const { peer, address } = parseTarget(text)
    if (this.#libp2p.peerId.equals(peer)) throw new Failure('failed', 'failed to dial: dial to self attempted')
    if (address === undefined) await this.#dial(peer, signal)
    else if (this.#libp2p.getConnections(peer).length === 0) await this.#dialAt(peer, address, signal)
    this.#afterwards(async () => {
      this.#connected(peer.toString())
      await this.#libp2p.peerStore.merge(peer, { tags: CONNECTED_TAG })
    })
    return peer.toString()
  }

  /** Does what nobody waits for, and what is asked of the store later does. */
  #afterwards(work: () => Promise<unknown>): void {
    const done = new Promise<void>(resolve => {
      setTimeout(() => {
        // A node that is closing stores nothing more.
        work().then(
          () => resolve(),
          () => resolve(),
        )
      }, AFTERWARDS_MS)
    })
    this.#storing.add(done)
    void done.finally(() => this.#storing.delete(done))
  }

  async disconnect(text: string, { signal }: Waiting = {}): Promise<string> {
    const { peer, address } = parseTarget(text)
    const connections = this.#libp2p.getConnections(peer)
    if (address === undefined && connections.length === 0) throw new Failure('failed', 'not connected')
    const wanted =
      address === undefined ? connections : connections.filter(({ remoteAddr }) => same(remoteAddr, address))
    if (wanted.length === 0) throw new Failure('failed', 'conn not found')
    await Promise.all(this.#storing)
    await this.#libp2p.peerStore.merge(peer, { tags: { 'user-connect': undefined } })
    if (wanted.length === connections.length) this.#left.leave(peer)
    for (const connection of wanted) await closeConnection(connection, signal)
    return peer.toString()
  }

  async whenConnected(peers: number, { signal }: Waiting = {}): Promise<void> {
    const stop = signal === undefined ? this.#closing : AbortSignal.any([signal, this.#closing])
    const enough = Promise.withResolvers<void>()
    const look = (): void => {
      if (this.#libp2p.getPeers().length >= peers) enough.resolve()
    }
    const onAbort = (): void => enough.reject(stop.reason)
    this.#libp2p.addEventListener('peer:connect', look)
    stop.addEventListener('abort', onAbort)
    try {
      stop.throwIfAborted()
      look()
      await enough.promise
    } finally {
      this.#libp2p.removeEventListener('peer:connect', look)
      stop.removeEventListener('abort', onAbort)
    }
  }

  async identify(text: string, { signal }: Waiting = {}): Promise<PeerIdentity> {
    const peer = parsePeer(text)
    const connection = await this.#dial(peer, signal)
    const stop = within(signal, IDENTIFY_TIMEOUT_MS)
    // Identify runs by itself after a connection has opened; it is waited for: a peer is not asked twice at once.
    await this.#identifying.asked(connection)
    const known = await this.#stored(peer)
    if (known === undefined || known.protocols.length === 0) await this.#identified(connection, stop)
    return identityOf(peer, await this.#stored(peer))
  }

  async identified(text: string): Promise<PeerIdentity | undefined> {
    const id = parsePeer(text)
    if (this.#libp2p.getConnections(id).length > 0) await this.#identifying.settled()
    const peer = await this.#stored(id)
    return peer === undefined ? undefined : identityOf(id, peer)
  }

  async ping(text: string, { signal }: Waiting = {}): Promise<number> {
    const peer = parsePeer(text)
    if (this.#libp2p.peerId.equals(peer)) throw new Failure('usage', 'cannot ping self')
    return await pingOnce(await this.#dial(peer, signal), { signal })
  }

  filters(): string[] {
    return this.#filters.list()
  }

  addFilter(mask: string): void {
    this.#filters.add(mask)
    // As in the reference implementation, connections that are open stay open.
  }

  removeFilter(mask: string): void {
    this.#filters.remove(mask)
  }

  reachability(): { reachable: string[]; unreachable: string[]; unknown: string[] } {
    const reachable: string[] = []
    const unknown: string[] = []
    for (const { multiaddr: address, verified, type } of this.#components.addressManager.getAddressesWithMetadata()) {
      if (type === 'transport' && this.#unreachable.matches(address)) continue
      // It is the relay that is reached there.
      if (address.toString().includes('/p2p-circuit')) continue
      if (verified) reachable.push(withoutPeer(address))
      else unknown.push(withoutPeer(address))
    }
    return { reachable, unreachable: [], unknown }
  }

  resources(): ReturnType<Swarm['resources']> {
    return this.#limits.usage()
  }

  async #dial(peer: PeerId, signal: AbortSignal | undefined): Promise<Connection> {
    const open = this.#libp2p.getConnections(peer).find(({ status }) => status === 'open')
    if (open !== undefined) return open
    return await this.#dialling(peer, within(signal, DIAL_TIMEOUT_MS), stop =>
      this.#libp2p.dial(peer, { signal: stop }),
    )
  }

  async #dialAt(peer: PeerId, address: Multiaddr, signal: AbortSignal | undefined): Promise<Connection> {
    const full = address.encapsulate(`/p2p/${peer.toString()}`)
    if (this.#isPlain(peer, full)) {
      const limit = within(signal, ADDRESS_DIAL_TIMEOUT_MS)
      return await this.#dialling(peer, limit, stop => this.#dialPlain(peer, full, stop))
    }
    return await this.#dialling(peer, within(signal, DIAL_TIMEOUT_MS), stop =>
      this.#libp2p.dial(full, { signal: stop }),
    )
  }

  /** True for the IP address and port of a peer that nobody dials already, and that may be dialled. */
  #isPlain(peer: PeerId, address: Multiaddr): boolean {
    const { connectionGater, transportManager } = this.#components
    const [host, transport, ...others] = address.getComponents().map(({ name }) => name)
    return (
      (host === 'ip4' || host === 'ip6') &&
      transport === 'tcp' &&
      others.length === 1 &&
      connectionGater.denyDialMultiaddr?.(address) === false &&
      transportManager.dialTransportForMultiaddr(address) !== undefined &&
      !this.#libp2p.getDialQueue().some(({ peerId }) => peerId?.equals(peer) === true)
    )
  }

  /** Dials one address without libp2p's queue, which orders, resolves and joins, and stores what it did before it returns. */
  async #dialPlain(peer: PeerId, address: Multiaddr, signal: AbortSignal): Promise<Connection> {
    const connection = await this.#components.transportManager.dial(address, { signal })
    this.#afterwards(async () => {
      const metadata = { [DIALLED_KEY]: Buffer.from(String(Date.now())) }
      await this.#libp2p.peerStore.merge(peer, { multiaddrs: [connection.remoteAddr], metadata })
    })
    return connection
  }

  async #dialling(
    peer: PeerId,
    signal: AbortSignal,
    dial: (signal: AbortSignal) => Promise<Connection>,
  ): Promise<Connection> {
    try {
      return await dial(signal)
    } catch (error) {
      throw dialFailure(`failed to dial: failed to dial ${peer}`, error)
    }
  }

  /** Resolves when identify has run on a connection; asks itself when nobody else does. */
  async #identified(connection: Connection, signal: AbortSignal): Promise<void> {
    const { identify } = this.#libp2p.services
    if (typeof identify !== 'object' || identify === null || !('identify' in identify)) return
    if (typeof identify.identify !== 'function') return
    try {
      await identify.identify(connection, { signal })
    } catch (error) {
      throw dialFailure(`could not identify ${connection.remotePeer}`, error)
    }
  }

  async #stored(peer: PeerId): Promise<Peer | undefined> {
    await Promise.all(this.#storing)
    try {
      return await this.#libp2p.peerStore.get(peer)
    } catch (error) {
      if (error instanceof Error && error.name === 'NotFoundError') return undefined
      throw error
    }
  }
}

function identityOf(id: PeerId, peer: Peer | undefined): PeerIdentity {
  const agent = peer?.metadata.get('AgentVersion')
  return {
    peer: id.toString(),
    addresses: peer === undefined ? [] : addressesOf(peer).map(address => `${address}/p2p/${id}`),
    publicKey: publicKeyOf(id, peer),
    agentVersion: agent === undefined ? '' : new TextDecoder().decode(agent),
    protocols: [...(peer?.protocols ?? [])].sort(),
  }
}

function publicKeyOf(id: PeerId, peer: Peer | undefined): string {
  const key = id.publicKey ?? peer?.id.publicKey
  if (key === undefined) return ''
  return Buffer.from(publicKeyToProtobuf(key)).toString('base64')
}

function addressesOf(peer: Peer): string[] {
  return peer.addresses.map(({ multiaddr: address }) => withoutPeer(address))
}

function same(remote: Multiaddr, address: Multiaddr): boolean {
  return multiaddr(withoutPeer(remote)).equals(address)
}

async function closeConnection(connection: Connection, signal: AbortSignal | undefined): Promise<void> {
  try {
    await connection.close({ signal: within(signal, 1_000) })
  } catch (error) {
    connection.abort(error instanceof Error ? error : new Error(String(error)))
  }
}

function within(signal: AbortSignal | undefined, ms: number): AbortSignal {
  const limit = AbortSignal.timeout(ms)
  return signal === undefined ? limit : AbortSignal.any([signal, limit])
}
