import type { Connection, Metrics, MultiaddrConnection, Stream } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Bandwidth } from './network.ts'
import { COUNT_BYTES } from './tls.ts'

/** Peers, and protocols, that are counted by themselves. */
const PEERS_MAX = 4_096
const PROTOCOLS_MAX = 512
/** Rates are averages in which a second ago weighs 1/e. */
const DECAY_MS = 1_000

/** Counts the bytes that go in and out: all, by peer and by protocol. */
export class BandwidthCounter {
  readonly #total = new Meter()
  readonly #peers = new Map<string, Meter>()
  readonly #protocols = new Map<string, Meter>()
  /** Connections whose peer is not known yet, by the object that libp2p carries through. */
  readonly #unknown = new WeakMap<Multiaddr, Meter>()

  /** Returns what was counted: all, or what one peer or one protocol had. */
  read(filter: { peer?: string; protocol?: string } = {}): Bandwidth {
    if (filter.peer !== undefined) return (this.#peers.get(filter.peer) ?? new Meter()).read()
    if (filter.protocol !== undefined) return (this.#protocols.get(filter.protocol) ?? new Meter()).read()
    return this.#total.read()
  }

  /** Says whose connection it was. */
  opened(connection: Connection): void {
    const meter = this.#unknown.get(connection.remoteAddr)
    if (meter === undefined) return
    this.#unknown.delete(connection.remoteAddr)
    const peer = connection.remotePeer.toString()
    const known = this.#peers.get(peer)
    if (known === undefined) remember(this.#peers, peer, meter, PEERS_MAX)
    else meter.joins(known)
  }

  /** Returns the counter as libp2p calls it. What libp2p would like to measure beside is not measured. */
  metrics(): Metrics {
    const nothing = { update() {}, increment() {}, decrement() {}, observe() {}, reset() {}, timer: () => () => {} }
    const register = (): typeof nothing => nothing
    return {
      trackMultiaddrConnection: (connection: MultiaddrConnection) => this.#trackConnection(connection),
      trackProtocolStream: (stream: Stream) => this.#trackStream(stream),
      registerMetric: register,
      registerMetricGroup: register,
      registerCounter: register,
      registerCounterGroup: register,
      registerHistogram: register,
      registerHistogramGroup: register,
      registerSummary: register,
      registerSummaryGroup: register,
      traceFunction: <F>(_name: string, fn: F): F => fn,
      createTrace: () => undefined,
    }
  }

  #trackConnection(connection: MultiaddrConnection): void {
    const meter = new Meter()
    this.#unknown.set(connection.remoteAddr, meter)
    tap(connection, [this.#total, meter])
    // TLS may encrypt on the socket itself, past the connection.
    Reflect.set(connection, COUNT_BYTES, (bytesIn: number, bytesOut: number) => {
      this.#total.add(bytesIn, bytesOut)
      meter.add(bytesIn, bytesOut)
    })
  }

  #trackStream(stream: Stream): void {
    const { protocol } = stream
    let meter = this.#protocols.get(protocol)
    if (meter === undefined) {
      meter = new Meter()
      remember(this.#protocols, protocol, meter, PROTOCOLS_MAX)
    }
    tap(stream, [meter])
  }
}

/** Counts two directions. */
class Meter {
  readonly #in = new Flow()
  readonly #out = new Flow()
  #joined: Meter | undefined

  /** From now on another one counts with it. */
  joins(other: Meter): void {
    other.add(this.#in.total, this.#out.total)
    this.#joined = other
  }

  add(bytesIn: number, bytesOut: number): void {
    if (this.#joined !== undefined) {
      this.#joined.add(bytesIn, bytesOut)
      return
    }
    if (bytesIn > 0) this.#in.add(bytesIn)
    if (bytesOut > 0) this.#out.add(bytesOut)
  }

  read(): Bandwidth {
    return {
      totalIn: this.#in.total,
      totalOut: this.#out.total,
      rateIn: this.#in.rate(),
      rateOut: this.#out.rate(),
    }
  }
}

class Flow {
  total = 0
  #rate = 0
  #at = 0

  add(bytes: number): void {
    this.total += bytes
    this.#rate = this.rate() + (bytes * 1_000) / DECAY_MS
  }

  rate(): number {
    const now = performance.now()
    this.#rate *= Math.exp((this.#at - now) / DECAY_MS)
    this.#at = now
    return this.#rate < 0.5 ? 0 : this.#rate
  }
}

/**
 * Counts what goes through. Listening for `message` would not do: whoever listens first takes what arrived before the
 * reader was there.
 */
function tap(target: MultiaddrConnection | Stream, meters: readonly Meter[]): void {
  const onData: unknown = Reflect.get(target, 'onData')
  if (typeof onData === 'function') {
    Reflect.set(target, 'onData', (data: Uint8Array) => {
      for (const meter of meters) meter.add(data.byteLength, 0)
      Reflect.apply(onData, target, [data])
    })
  }
  const send = target.send.bind(target)
  target.send = data => {
    for (const meter of meters) meter.add(0, data.byteLength)
    return send(data)
  }
}

/** Stores a value; the oldest one makes room. */
function remember<T>(map: Map<string, T>, key: string, value: T, max: number): void {
  const [oldest] = map.size >= max ? map.keys() : []
  if (oldest !== undefined) map.delete(oldest)
  map.set(key, value)
}
