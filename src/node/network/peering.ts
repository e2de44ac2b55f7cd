import type { Libp2p } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import type { Config } from '../../repo/roles.ts'
import { parsePeer, parseTarget } from './addresses.ts'
import { KEPT_TAG } from './connection-limits.ts'
import type { PeerAddresses, Peering } from './network.ts'
import type { Part, PartContext } from './parts.ts'
import { valueAt } from './settings.ts'

const DELAY_FIRST_MS = 5_000
const DELAY_MAX_MS = 600_000
const DIAL_TIMEOUT_MS = 15_000
const PEERS_MAX = 1_024
const TAG_VALUE = 100

/** Returns the peers to which this node stays connected; those of the config at first. */
export function createPeering(context: PartContext): Part<Peering> {
  const peering = new KeptPeers(context)
  if (context.identity === 'repo') peering.addAll(configured(context.config, context))
  return peering
}

interface Kept {
  addresses: readonly string[]
  delayMs: number
  timer: NodeJS.Timeout | undefined
  dialling: boolean
}

class KeptPeers implements Peering, AsyncDisposable {
  readonly #libp2p: Libp2p
  readonly #signal: AbortSignal
  readonly #log: PartContext['log']
  readonly #peers = new Map<string, Kept>()
  readonly #onConnect = ({ detail }: { detail: { toString(): string } }): void => this.#connected(detail.toString())
  readonly #onDisconnect = ({ detail }: { detail: { toString(): string } }): void => this.#later(detail.toString())

  constructor({ libp2p, signal, log }: PartContext) {
    this.#libp2p = libp2p
    this.#signal = signal
    this.#log = log
    libp2p.addEventListener('peer:connect', this.#onConnect)
    libp2p.addEventListener('peer:disconnect', this.#onDisconnect)
  }

  addAll(peers: readonly PeerAddresses[]): void {
    for (const { peer, addresses } of peers) {
      this.#keep(peer, addresses)
      void this.#dial(peer)
    }
  }

  add(text: string): string {
    const { peer, address } = parseTarget(text)
    const id = peer.toString()
    this.#keep(id, address === undefined ? [] : [address.toString()])
    void this.#dial(id)
    return id
  }

  remove(text: string): void {
    const id = parsePeer(text).toString()
    const kept = this.#peers.get(id)
    if (kept === undefined) return
    clearTimeout(kept.timer)
    this.#peers.delete(id)
    this.#tag(id, undefined)
  }

  list(): PeerAddresses[] {
    return [...this.#peers].map(([peer, { addresses }]) => ({ peer, addresses: [...addresses] }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#libp2p.removeEventListener('peer:connect', this.#onConnect)
    this.#libp2p.removeEventListener('peer:disconnect', this.#onDisconnect)
    for (const { timer } of this.#peers.values()) clearTimeout(timer)
    this.#peers.clear()
  }

  #keep(peer: string, addresses: readonly string[]): void {
    const known = this.#peers.get(peer)
    if (known !== undefined) {
      // As in Kubo the addresses that are told last are those that count.
      known.addresses = [...new Set(addresses)]
      return
    }
    if (this.#peers.size >= PEERS_MAX) return
    const kept = { addresses: [...new Set(addresses)], delayMs: DELAY_FIRST_MS, timer: undefined, dialling: false }
    this.#peers.set(peer, kept)
    this.#tag(peer, { value: TAG_VALUE })
  }

  #tag(peer: string, tag: { value: number } | undefined): void {
    this.#libp2p.peerStore.merge(peerIdFromString(peer), { tags: { [KEPT_TAG]: tag } }).catch((error: unknown) => {
      this.#log('net', 'debug', `peering: ${String(error)}`)
    })
  }

  #connected(peer: string): void {
    const kept = this.#peers.get(peer)
    if (kept === undefined) return
    clearTimeout(kept.timer)
    kept.timer = undefined
    kept.delayMs = DELAY_FIRST_MS
  }

  /** Tries again after a while: one and a half to two and a half times as long as before. */
  #later(peer: string): void {
    const kept = this.#peers.get(peer)
    if (kept === undefined || kept.timer !== undefined || this.#signal.aborted) return
    const delayMs = Math.min(kept.delayMs * (1.5 + Math.random()), DELAY_MAX_MS * (0.9 + Math.random() / 10))
    kept.delayMs = delayMs
    kept.timer = setTimeout(() => {
      kept.timer = undefined
      void this.#dial(peer)
    }, delayMs)
    kept.timer.unref()
  }

  async #dial(peer: string): Promise<void> {
    const kept = this.#peers.get(peer)
    if (kept === undefined || kept.dialling) return
    const id = peerIdFromString(peer)
    if (this.#libp2p.getConnections(id).length > 0) return
    kept.dialling = true
    try {
      const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)])
      const addresses = [...kept.addresses].map(address => multiaddr(`${address}/p2p/${peer}`))
      await this.#libp2p.dial(addresses.length === 0 ? id : addresses, { signal })
    } catch (error) {
      this.#log('net', 'debug', `peering: ${peer}: ${error instanceof Error ? error.message : String(error)}`)
    } finally {
      kept.dialling = false
    }
    if (this.#libp2p.getConnections(id).length === 0) this.#later(peer)
  }
}

/** Returns `Peering.Peers`; what is no peer is left out, and logged. */
function configured(config: Config, { log }: Pick<PartContext, 'log'>): PeerAddresses[] {
  const peers = valueAt(config, 'Peering.Peers')
  if (!Array.isArray(peers)) return []
  return peers.flatMap((entry: unknown) => {
    try {
      if (typeof entry !== 'object' || entry === null || !('ID' in entry)) throw new Error('no ID')
      const peer = parsePeer(String(entry.ID)).toString()
      const list = 'Addrs' in entry && Array.isArray(entry.Addrs) ? entry.Addrs : []
      return [{ peer, addresses: list.map(address => multiaddr(String(address)).toString()) }]
    } catch (error) {
      log('net', 'error', `Peering.Peers: ${JSON.stringify(entry)}: ${String(error)}`)
      return []
    }
  })
}
