import type { Libp2p, PeerId, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { CID } from 'multiformats/cid'
import { withoutPeer } from './addresses.ts'
import { addressFilter, type Dht, type DhtOptions, protocolOf } from './dht.ts'

/** For so long a network is taken to be what a lookup found it to be. */
const KNOWN_MS = 30_000
/** Streams are closed when they were not used for so long. */
const IDLE_MS = 5_000
const OPEN_TIMEOUT_MS = 10_000
/** Addresses of this node are told for so long before they are looked up again. */
const ADDRESSES_MS = 10_000
/** `ADD_PROVIDER`. */
const TYPE = Uint8Array.of(0x08, 2)
/** Bytes that a peer has not taken yet; beyond that lookups, which wait, are made again. */
const UNSENT_BYTES_MAX = 256 * 1024

/**
 * Provides in a network so small that each of its peers is among the closest to every key. A lookup has shown that, and
 * need not show it again for each block: the record goes to all peers of the table at once, over streams that stay open.
 */
export class DirectProvider {
  readonly #dht: Dht
  readonly #libp2p: Libp2p
  readonly #options: Pick<DhtOptions, 'name' | 'loopback'>
  readonly #streams = new Map<string, { readonly stream: Promise<Stream>; idle: NodeJS.Timeout }>()
  #self: { readonly bytes: Uint8Array; readonly until: number } | undefined
  #known: { readonly peers: string; readonly until: number } | undefined

  constructor(dht: Dht, libp2p: Libp2p, options: Pick<DhtOptions, 'name' | 'loopback'>) {
    this.#dht = dht
    this.#libp2p = libp2p
    this.#options = options
  }

  /** Takes note of a lookup after which so many peers took a record. */
  learn(taken: number): void {
    const peers = this.#peers()
    const isSmall = peers.length < this.#dht.k && taken === peers.length
    this.#known = isSmall ? { peers: keyOf(peers), until: Date.now() + KNOWN_MS } : undefined
  }

  /** Sends a record to all peers; returns to how many, or undefined when a lookup is to be made. */
  async provide(cid: CID): Promise<number | undefined> {
    const peers = this.#peers()
    if (this.#known === undefined || this.#known.until < Date.now() || this.#known.peers !== keyOf(peers))
      return undefined
    const message = this.#message(cid)
    try {
      const streams = await Promise.all(peers.map(peer => this.#streamTo(peer)))
      if (streams.some(stream => stream.writeBufferLength > UNSENT_BYTES_MAX)) return undefined
      for (const stream of streams) stream.send(message)
      await this.#dht.providers.addProvider(cid, this.#libp2p.peerId)
      return streams.length
    } catch {
      // A peer went away: a lookup finds out who is there.
      this.#known = undefined
      return undefined
    }
  }

  /** Tells one peer of blocks, at its pace. Returns of how many; throws when it cannot be reached. */
  async send(peer: PeerId, cids: readonly CID[], signal: AbortSignal): Promise<number> {
    if (this.#libp2p.getConnections(peer).length === 0) await this.#libp2p.dial(peer, { signal })
    let sent = 0
    for (const cid of cids) {
      const stream = await this.#streamTo(peer)
      if (stream.writeBufferLength > UNSENT_BYTES_MAX) await stream.onDrain({ signal })
      stream.send(this.#message(cid))
      sent += 1
    }
    return sent
  }

  #peers(): PeerId[] {
    const own = this.#libp2p.peerId
    return [...this.#dht.routingTable.kb.toIterable()].map(({ peerId }) => peerId).filter(peer => !peer.equals(own))
  }

  async #streamTo(peer: PeerId): Promise<Stream> {
    const key = peer.toString()
    const known = this.#streams.get(key)
    if (known !== undefined) {
      const stream = await known.stream
      if (stream.writeStatus === 'writable') {
        known.idle.refresh()
        return stream
      }
      this.#forget(key)
    }
    const [connection] = this.#libp2p.getConnections(peer)
    if (connection === undefined) throw new Error('the peer is not connected')
    const opening = connection.newStream(protocolOf(this.#options.name), {
      signal: AbortSignal.timeout(OPEN_TIMEOUT_MS),
    })
    this.#streams.set(key, { stream: opening, idle: setTimeout(() => this.#forget(key), IDLE_MS).unref() })
    try {
      const stream = await opening
      // There is no answer to these messages.
      stream.addEventListener('message', () => undefined)
      return stream
    } catch (error) {
      this.#forget(key)
      throw error
    }
  }

  #forget(key: string): void {
    const known = this.#streams.get(key)
    if (known === undefined) return
    clearTimeout(known.idle)
    this.#streams.delete(key)
    // One that could not be opened, or is gone, needs no closing.
    void known.stream.then(stream => stream.close()).catch(() => undefined)
  }

  /** https://github.com/libp2p/specs/tree/master/kad-dht#rpc-messages: the type, the key, and this peer. */
  #message(cid: CID): Uint8Array {
    const body = Buffer.concat([TYPE, field(0x12, cid.multihash.bytes), this.#thisPeer()])
    return Buffer.concat([Uint8Array.from(varint(body.length)), body])
  }

  /** To ask for the addresses of this node costs more than all the rest: they hold for a moment. */
  #thisPeer(): Uint8Array {
    if (this.#self === undefined || this.#self.until < Date.now()) {
      const id = this.#libp2p.peerId
      const own = this.#libp2p.getMultiaddrs().map(address => multiaddr(withoutPeer(address)))
      const { multiaddrs } = addressFilter(this.#options)({ id, multiaddrs: own })
      const parts = [field(0x0a, id.toMultihash().bytes), ...multiaddrs.map(each => field(0x12, each.bytes))]
      this.#self = { bytes: field(0x4a, Buffer.concat(parts)), until: Date.now() + ADDRESSES_MS }
    }
    return this.#self.bytes
  }
}

function keyOf(peers: readonly PeerId[]): string {
  return peers.map(String).sort().join()
}

function field(tag: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.from([tag, ...varint(bytes.length)]), bytes])
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >> 7)]
}
