import { availableParallelism } from 'node:os'
import type { Connection, ConnectionGater, Libp2p, MultiaddrConnection } from '@libp2p/interface'
import { Failure } from '../../contract/failure.ts'
import type { Config } from '../../repo/roles.ts'
import { memoryBudget } from '../memory-budget.ts'
import { AddressFilters, ipOf } from './filters.ts'
import type { Swarm } from './network.ts'
import { durationAt, flagAt, numberAt, textAt, textsAt, valueAt } from './settings.ts'

/** Inbound connections from one IPv4 address, and from one IPv6 network of 56 bits; loopback is free. */
const INBOUND_PER_NETWORK_MAX = 8
const NETWORKS_MAX = 65_536
const STREAMS_PER_CONNECTION_MAX = 1_000
const CONNECTIONS_MIN = 16
const CONNECTIONS_DEFAULT_MAX = 2_048
const MIB = 1024 * 1024
/** The tag of peers that are never let go. (The value of a tag is 100 at most, and many tags add up.) */
export const KEPT_TAG = 'ipfs-peering'
const KEPT_VALUE = Number.POSITIVE_INFINITY

/** How many connections a node has at most, and when it lets some go. */
export interface ConnectionBounds {
  /** Beyond it nobody comes in. */
  readonly connectionsMax: number
  readonly dialsMax: number
  /** When there are more than `high` the least valuable are closed, until `low` are left. Infinity: never. */
  readonly high: number
  readonly low: number
  /** A connection that is younger is spared. */
  readonly graceMs: number
  /** Between two times of closing. */
  readonly silenceMs: number
}

/** Returns the bounds of `Swarm.ConnMgr` and `Swarm.ResourceMgr`. Throws a Failure when they contradict each other. */
export function connectionBounds(config: Config, identity: 'repo' | 'ephemeral'): ConnectionBounds {
  const type = textAt(config, 'Swarm.ConnMgr.Type') ?? 'basic'
  if (type !== 'basic' && type !== 'none') throw new Failure('failed', `unrecognized Swarm.ConnMgr.Type: "${type}"`)
  const high = numberAt(config, 'Swarm.ConnMgr.HighWater', 96)
  const low = numberAt(config, 'Swarm.ConnMgr.LowWater', 32)
  return {
    connectionsMax: connectionsMax(config, type === 'none' ? 0 : high),
    dialsMax: identity === 'repo' ? 32 * Math.min(availableParallelism(), 4) : 8,
    high: type === 'none' ? Number.POSITIVE_INFINITY : high,
    low: Math.min(low, high),
    graceMs: durationAt(config, 'Swarm.ConnMgr.GracePeriod', 20_000),
    silenceMs: durationAt(config, 'Swarm.ConnMgr.SilencePeriod', 10_000),
  }
}

/** One connection for each MiB that libp2p may use, as the reference implementation has it, within reason. */
function connectionsMax(config: Config, high: number): number {
  if (!flagAt(config, 'Swarm.ResourceMgr.Enabled', true)) return Number.MAX_SAFE_INTEGER
  const memory = valueAt(config, 'Swarm.ResourceMgr.MaxMemory')
  const bytes = memoryBudget(config)
  const asked = memory === undefined ? Math.min(bytes / MIB, CONNECTIONS_DEFAULT_MAX) : bytes / MIB
  const files = numberAt(config, 'Swarm.ResourceMgr.MaxFileDescriptors', Number.MAX_SAFE_INTEGER)
  return Math.floor(Math.max(CONNECTIONS_MIN, high * 2, Math.min(asked, files)))
}

/** Keeps out whom the filters name and who comes too often, and lets go of connections when there are too many. */
export class ConnectionLimits implements Disposable {
  readonly bounds: ConnectionBounds
  readonly #filters: AddressFilters
  readonly #allowed: AddressFilters
  readonly #inbound = new Map<string, number>()
  readonly #onOpen = (): void => this.#opened()
  #libp2p: Libp2p | undefined
  #timer: NodeJS.Timeout | undefined
  #trimmedAt = Number.NEGATIVE_INFINITY

  constructor(filters: AddressFilters, config: Config, identity: 'repo' | 'ephemeral') {
    this.#filters = filters
    this.#allowed = new AddressFilters(textsAt(config, 'Swarm.ResourceMgr.Allowlist').map(maskOf))
    this.bounds = connectionBounds(config, identity)
  }

  /** Begins to count the connections of a node. */
  watch(libp2p: Libp2p): void {
    this.#libp2p = libp2p
    libp2p.addEventListener('connection:open', this.#onOpen)
  }

  gater(): ConnectionGater {
    return {
      denyDialMultiaddr: address => this.#filters.matches(address),
      denyInboundConnection: connection => this.#denyInbound(connection),
      filterMultiaddrForPeer: (_, address) => !this.#filters.matches(address),
    }
  }

  usage(): ReturnType<Swarm['resources']> {
    const connections = this.#libp2p?.getConnections() ?? []
    const streams = connections.flatMap(connection => connection.streams)
    const inbound = streams.filter(({ direction }) => direction === 'inbound').length
    const { connectionsMax: max, dialsMax } = this.bounds
    return {
      connections: { used: connections.length, max },
      streams: { used: streams.length, inbound, max: max * STREAMS_PER_CONNECTION_MAX },
      dials: { used: this.#libp2p?.getDialQueue().length ?? 0, max: dialsMax },
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#libp2p?.removeEventListener('connection:open', this.#onOpen)
  }

  #denyInbound(connection: MultiaddrConnection): boolean {
    const { remoteAddr } = connection
    if (this.#filters.matches(remoteAddr)) return true
    const network = networkOf(ipOf(remoteAddr))
    if (network === undefined || this.#allowed.matches(remoteAddr)) return false
    const count = this.#inbound.get(network) ?? 0
    if (count >= INBOUND_PER_NETWORK_MAX || (count === 0 && this.#inbound.size >= NETWORKS_MAX)) return true
    this.#inbound.set(network, count + 1)
    connection.addEventListener('close', () => this.#left(network), { once: true })
    return false
  }

  #left(network: string): void {
    const count = this.#inbound.get(network) ?? 0
    if (count <= 1) this.#inbound.delete(network)
    else this.#inbound.set(network, count - 1)
  }

  #opened(): void {
    const { high, silenceMs } = this.bounds
    if (this.#timer !== undefined || (this.#libp2p?.getConnections().length ?? 0) <= high) return
    const wait = Math.max(0, this.#trimmedAt + silenceMs - performance.now())
    this.#timer = setTimeout(() => void this.#trim().finally(() => this.#opened()), wait)
    this.#timer.unref()
  }

  async #trim(): Promise<void> {
    this.#trimmedAt = performance.now()
    this.#timer = undefined
    const { low, graceMs } = this.bounds
    const connections = this.#libp2p?.getConnections() ?? []
    const valued = await Promise.all(
      connections.map(async connection => ({ connection, value: await this.#valueOf(connection) })),
    )
    const old = valued.filter(({ connection, value }) => isSpare(connection, value, graceMs))
    old.sort((a, b) => a.value - b.value || a.connection.streams.length - b.connection.streams.length)
    const spare = old.slice(0, Math.max(0, connections.length - low)).map(({ connection }) => connection)
    await Promise.all(spare.map(close))
  }

  async #valueOf({ remotePeer }: Connection): Promise<number> {
    try {
      const peer = await this.#libp2p?.peerStore.get(remotePeer)
      return [...(peer?.tags.entries() ?? [])].reduce(
        (sum, [name, { value }]) => sum + (name === KEPT_TAG || name.startsWith('keep-alive') ? KEPT_VALUE : value),
        0,
      )
    } catch {
      // Nothing is stored about the peer: it is worth nothing.
      return 0
    }
  }
}

function isSpare({ timeline, status }: Connection, value: number, graceMs: number): boolean {
  return status === 'open' && value < KEPT_VALUE && Date.now() - timeline.open >= graceMs
}

async function close(connection: Connection): Promise<void> {
  try {
    await connection.close({ signal: AbortSignal.timeout(1_000) })
  } catch (error) {
    connection.abort(error instanceof Error ? error : new Error(String(error)))
  }
}

/** `Swarm.ResourceMgr.Allowlist` holds masks, and addresses, which stand for themselves. */
function maskOf(text: string): string {
  const [, name, ip] = /^\/(ip4|ip6)\/([^/]+)/.exec(text) ?? []
  if (name === undefined || /\/ipcidr\/\d+/.test(text)) return text.replace(/(\/ipcidr\/\d+).*$/, '$1')
  return `/${name}/${ip}/ipcidr/${name === 'ip4' ? 32 : 128}`
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
