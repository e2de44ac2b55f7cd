import type { Libp2p, PeerId, PeerInfo } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { bootstrapPeers } from '../auto-values.ts'
import { targetOf } from './addresses.ts'
import type { PartBase, PartContext, Services } from './parts.ts'
import { flagAt, textsAt } from './settings.ts'

const DIAL_TIMEOUT_MS = 15_000
/** With fewer peers than this the bootstrap peers are dialled, as many of them as are wanting. */
const PEERS_WANTED = 4
const BOOTSTRAP_PERIOD_MS = 30_000
/** Peers in the local network that are dialled at a time, and in all. */
const LOCAL_DIALS_MAX = 8

/** Finds peers, and connects to them. */
export class Discovery implements AsyncDisposable {
  readonly #base: PartBase
  #libp2p: Libp2p | undefined
  #timer: NodeJS.Timeout | undefined
  #dials = 0

  constructor(base: PartBase) {
    this.#base = base
  }

  /** Returns what discovery needs of libp2p: multicast in the local network, when the config wants it. */
  async services(): Promise<Services> {
    const { config, identity } = this.#base
    if (identity === 'ephemeral' || !flagAt(config, 'Discovery.MDNS.Enabled', false)) return {}
    const { mdns } = await import('@libp2p/mdns')
    return {
      mdns: components => {
        const service = mdns()(components)
        service.addEventListener('peer', ({ detail }) => void this.#meet(detail))
        return service
      },
    }
  }

  /** Dials the bootstrap peers, and again whenever there are too few, and the relays that are to be used. */
  start({ libp2p }: PartContext): void {
    this.#libp2p = libp2p
    const { config, identity } = this.#base
    const peers = bootstrapPeers(config)
    const relays = identity === 'repo' ? textsAt(config, 'Swarm.RelayClient.StaticRelays') : []
    if (peers.length === 0 && relays.length === 0) return
    const dial = (): void => {
      void this.#bootstrap(peers)
      void this.#keepRelays(relays)
    }
    dial()
    if (identity === 'ephemeral') return
    this.#timer = setInterval(dial, BOOTSTRAP_PERIOD_MS)
    this.#timer.unref()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
  }

  async #bootstrap(peers: readonly string[]): Promise<void> {
    const libp2p = this.#libp2p
    if (libp2p === undefined) return
    const wanting = PEERS_WANTED - libp2p.getPeers().length
    if (wanting <= 0) return
    const shuffled = [...peers].sort(() => Math.random() - 0.5)
    await Promise.all(shuffled.slice(0, wanting).map(address => this.#dial(libp2p, [address])))
  }

  /** Stays connected to relays: whoever is connected to one has a place reserved in it. */
  async #keepRelays(relays: readonly string[]): Promise<void> {
    const libp2p = this.#libp2p
    if (libp2p === undefined) return
    const missing = relays.filter(address => {
      const peer = peerAt(address)
      return peer === undefined || libp2p.getConnections(peer).length === 0
    })
    await Promise.all(missing.map(address => this.#dial(libp2p, [address])))
  }

  async #meet({ id, multiaddrs }: PeerInfo): Promise<void> {
    const libp2p = this.#libp2p
    if (libp2p === undefined || this.#dials >= LOCAL_DIALS_MAX || libp2p.getConnections(id).length > 0) return
    if (id.equals(libp2p.peerId)) return
    this.#dials += 1
    await this.#dial(
      libp2p,
      multiaddrs.map(address => (targetOf(address) === undefined ? `${address}/p2p/${id}` : address.toString())),
    )
    this.#dials -= 1
  }

  async #dial(libp2p: Libp2p, addresses: readonly string[]): Promise<void> {
    try {
      const signal = AbortSignal.any([this.#base.signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)])
      await libp2p.dial(
        addresses.map(address => multiaddr(address)),
        { signal },
      )
    } catch (error) {
      this.#base.log('net', 'debug', `${addresses.join(', ')}: ${String(error)}`)
    }
  }
}

/** Returns undefined for an address that names no peer, or is none: dialling it says so. */
function peerAt(address: string): PeerId | undefined {
  try {
    return targetOf(multiaddr(address))?.peer
  } catch {
    return undefined
  }
}
