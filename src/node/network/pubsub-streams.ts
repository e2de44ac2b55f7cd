import { setTimeout as later } from 'node:timers/promises'
import type { GossipSubComponents } from '@libp2p/gossipsub'
import type { Connection, PeerId, Stream, Topology } from '@libp2p/interface'
import { withPart } from './parts.ts'

type Registrar = GossipSubComponents['registrar']

/** Bytes that may wait to be sent to one peer; what does not fit is not sent to it. */
export const SEND_QUEUE_BYTES_MAX = 4 * 1024 * 1024
/** Publishing waits for a peer to which more than this waits to be sent… */
const SEND_QUEUE_BYTES_EASY = 256 * 1024
/** …but not for longer than this. */
const SEND_WAIT_MS = 5_000
const REOPEN_ATTEMPTS_MAX = 6
const REOPEN_DELAY_MS = 250

/**
 * The streams that pubsub sends on, with limits on what waits in them. The router's library knows none: it queues what
 * peers do not take. It also opens one stream to a peer in the life of a connection; here another is opened when that
 * one breaks.
 */
export class PubsubStreams {
  readonly #inner: Registrar
  readonly #sending = new Map<string, Stream>()
  readonly #topologies = new Set<Topology>()
  readonly #attempts = new WeakMap<Connection, number>()
  readonly #stopped = new AbortController()

  constructor(registrar: Registrar) {
    this.#inner = registrar
  }

  /** The registrar to give to the router. */
  registrar(): Registrar {
    const inner = this.#inner
    return {
      getProtocols: () => inner.getProtocols(),
      handle: (protocol, handler, options) =>
        inner.handle(protocol, (stream, connection) => handler(stream, this.#connection(connection)), options),
      unhandle: (protocol, options) => inner.unhandle(protocol, options),
      getHandler: protocol => inner.getHandler(protocol),
      use: (protocol, middleware) => inner.use(protocol, middleware),
      unuse: protocol => inner.unuse(protocol),
      getMiddleware: protocol => inner.getMiddleware(protocol),
      register: (protocol, topology, options) => inner.register(protocol, this.#topology(topology), options),
      unregister: id => inner.unregister(id),
      getTopologies: protocol => inner.getTopologies(protocol),
    }
  }

  /** Tells the router of a peer that was connected before it started. */
  connected(peer: PeerId, connection: Connection): void {
    const [topology] = this.#topologies
    void topology?.onConnect?.(peer, connection)
  }

  /** Returns whether a stream to a peer is open. */
  isOpen(peer: string): boolean {
    return this.#sending.has(peer)
  }

  /** Sends to a peer. Returns false when there is no stream to it, or too much waits in it. */
  send(peer: string, frame: Uint8Array): boolean {
    const stream = this.#sending.get(peer)
    if (stream === undefined || stream.writeBufferLength + frame.length > SEND_QUEUE_BYTES_MAX) return false
    try {
      stream.send(frame)
      return true
    } catch {
      // It is being closed.
      return false
    }
  }

  /** Returns whether more waits to be sent to a peer than it should have to take. */
  isBusy(peer: string): boolean {
    return (this.#sending.get(peer)?.writeBufferLength ?? 0) > SEND_QUEUE_BYTES_EASY
  }

  /** Asks a peer for a message, if there is a stream to it. */
  askBack(peer: string, id: Uint8Array): void {
    const stream = this.#sending.get(peer)
    if (stream?.writeStatus === 'writable') stream.send(wantOf(id))
  }

  /** Resolves when the peers have taken most of what was sent to them, or take too long. */
  async room(peers: Iterable<string>, signal: AbortSignal | undefined): Promise<void> {
    for (const peer of peers) {
      const stream = this.#sending.get(peer)
      if (stream !== undefined && this.isBusy(peer)) await drained(stream, signal)
    }
  }

  /** Resolves when all that was sent has left, or peers take too long. */
  async flush(): Promise<void> {
    await Promise.all([...this.#sending.values()].map(stream => drained(stream, undefined)))
  }

  stop(): void {
    this.#stopped.abort()
  }

  #topology(topology: Topology): Topology {
    const onConnect = (peer: PeerId, connection: Connection): void | Promise<void> =>
      topology.onConnect?.(peer, this.#connection(connection))
    const watched = { ...topology, onConnect }
    this.#topologies.add(watched)
    return watched
  }

  /** Returns the connection, with streams that are kept an eye on. */
  #connection(connection: Connection): Connection {
    const newStream: Connection['newStream'] = async (protocols, options) => {
      try {
        const stream = await connection.newStream(protocols, options)
        this.#watch(stream, connection)
        return stream
      } catch (error) {
        void this.#reopen(connection)
        throw error
      }
    }
    return withPart(connection, { newStream })
  }

  #watch(stream: Stream, connection: Connection): void {
    const peer = connection.remotePeer.toString()
    this.#sending.set(peer, stream)
    stream.addEventListener('close', () => {
      if (this.#sending.get(peer) === stream) this.#sending.delete(peer)
      void this.#reopen(connection)
    })
  }

  async #reopen(connection: Connection): Promise<void> {
    const attempt = this.#attempts.get(connection) ?? 0
    if (attempt >= REOPEN_ATTEMPTS_MAX) return
    this.#attempts.set(connection, attempt + 1)
    try {
      await later(REOPEN_DELAY_MS * 2 ** attempt, undefined, { signal: this.#stopped.signal, ref: false })
    } catch {
      // Stopped meanwhile.
      return
    }
    const peer = connection.remotePeer
    if (connection.status === 'open' && !this.#sending.has(peer.toString())) this.connected(peer, connection)
  }
}

/** https://github.com/libp2p/specs/blob/master/pubsub/gossipsub/gossipsub-v1.0.md: control, its IWANT, its message id. */
function wantOf(id: Uint8Array): Uint8Array {
  return Uint8Array.from([id.length + 6, 0x1a, id.length + 4, 0x12, id.length + 2, 0x0a, id.length, ...id])
}

/** Resolves when a stream has sent what it was given, is closed, or takes too long. */
async function drained(stream: Stream, signal: AbortSignal | undefined): Promise<void> {
  if (stream.writeBufferLength === 0) return
  let stop: () => void = () => undefined
  const limit = AbortSignal.any([AbortSignal.timeout(SEND_WAIT_MS), ...(signal === undefined ? [] : [signal])])
  await new Promise<void>(resolve => {
    stop = resolve
    for (const event of ['idle', 'close'] as const) stream.addEventListener(event, stop)
    limit.addEventListener('abort', stop)
  })
  for (const event of ['idle', 'close'] as const) stream.removeEventListener(event, stop)
  limit.removeEventListener('abort', stop)
  signal?.throwIfAborted()
}
