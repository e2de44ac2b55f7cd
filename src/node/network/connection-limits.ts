import type { ConnectionGater, Libp2p, MultiaddrConnection } from '@libp2p/interface'
import { type AddressFilters, ipOf } from './filters.ts'

/** Inbound connections from one IPv4 address, and from one IPv6 network of 56 bits; loopback is free. */
const INBOUND_PER_NETWORK_MAX = 8
const STREAMS_PER_CONNECTION_MAX = 1_000

/** Keeps out whom the filters name, and who comes too often. */
export class ConnectionLimits {
  readonly #filters: AddressFilters
  readonly #inbound = new Map<string, number>()
  #libp2p: Libp2p | undefined
  readonly #max: { readonly connections: number; readonly dials: number }

  constructor(filters: AddressFilters, max: { readonly connections: number; readonly dials: number }) {
    this.#filters = filters
    this.#max = max
  }

  watch(libp2p: Libp2p): void {
    this.#libp2p = libp2p
  }

  gater(): ConnectionGater {
    return {
      denyDialMultiaddr: address => this.#filters.matches(address),
      denyInboundConnection: connection => this.#denyInbound(connection),
    }
  }

  usage(): Record<'connections' | 'streams' | 'dials', { used: number; max: number }> {
    const connections = this.#libp2p?.getConnections() ?? []
    const streams = connections.reduce((sum, connection) => sum + connection.streams.length, 0)
    const { connections: max, dials } = this.#max
    return {
      connections: { used: connections.length, max },
      streams: { used: streams, max: max * STREAMS_PER_CONNECTION_MAX },
      dials: { used: this.#libp2p?.getDialQueue().length ?? 0, max: dials },
    }
  }

  #denyInbound(connection: MultiaddrConnection): boolean {
    if (this.#filters.matches(connection.remoteAddr)) return true
    const network = networkOf(ipOf(connection.remoteAddr))
    if (network === undefined) return false
    const count = this.#inbound.get(network) ?? 0
    if (count >= INBOUND_PER_NETWORK_MAX) return true
    this.#inbound.set(network, count + 1)
    connection.addEventListener('close', () => this.#left(network), { once: true })
    return false
  }

  #left(network: string): void {
    const count = this.#inbound.get(network) ?? 0
    if (count <= 1) this.#inbound.delete(network)
    else this.#inbound.set(network, count - 1)
  }
}

/** Returns what counts as one sender; undefined for this machine. */
function networkOf(ip: Uint8Array | undefined): string | undefined {
  if (ip === undefined) return undefined
  const mapped = ip.length === 16 && ip.subarray(0, 10).every(byte => byte === 0) && ip[10] === 255 && ip[11] === 255
  const v4 = mapped ? ip.subarray(12) : ip
  if (v4.length === 4) return v4[0] === 127 ? undefined : v4.join('.')
  const isLoopback = ip.subarray(0, 15).every(byte => byte === 0) && ip[15] === 1
  return isLoopback ? undefined : Buffer.from(ip.subarray(0, 7)).toString('hex')
}
