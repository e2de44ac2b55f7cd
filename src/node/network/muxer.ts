import { yamux } from '@chainsafe/libp2p-yamux'
import type { CreateStreamOptions, Stream, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface'
import { assumeProtocol, isAssumed } from './assumed-protocol.ts'
import { closedWhenSilent } from './keep-alive.ts'
import { answer } from './negotiate.ts'
import type { Components } from './parts.ts'

const STREAMS_MAX = 1_000
/** What a peer may send on a stream before somebody has read it. */
const STREAM_WINDOW_BYTES_MAX = 4 * 1024 * 1024
/** Bytes that a stream holds for a slow reader, or a slow peer; beyond that it is reset. */
const STREAM_BUFFER_BYTES_MAX = 8 * 1024 * 1024
/** Windows grow as if a round trip took so long at least: it is measured in whole milliseconds. */
const ROUND_TRIP_MS_MIN = 2
/**
 * Streams of one connection that the other end has opened, and ended before it said for what, within `UNUSED_MS`. Each
 * leaves a little behind for as long as it might have taken to say so, and costs the other end 24 bytes.
 */
const UNUSED_STREAMS_MAX = 1_000
const UNUSED_MS = 10_000
/** Time that the other end has to say what a stream is for. */
const NEGOTIATION_TIMEOUT_MS = 10_000
/** The state of a stream that is open both ways (`StreamState.Established`). */
const ESTABLISHED = 3

/** A stream of yamux, from inside. */
interface Inside {
  state: number
  recvWindow: number
  recvWindowCapacity: number
  getRTT: () => number
  sendWindowUpdate: () => void
}

/**
 * Returns yamux, which closes connections whose other end is silent, and says less often how much may be sent: when half
 * of the window is used, as Go's does, and not after each piece of data. That saves a small packet, and whatever it
 * wakes at the other end, for each of them. And a stream for a protocol that the other end speaks anyway is open at once.
 */
export function muxer(): (components: Components) => StreamMuxerFactory {
  const create = yamux({
    maxInboundStreams: STREAMS_MAX,
    maxOutboundStreams: STREAMS_MAX,
    streamOptions: {
      maxStreamWindowSize: STREAM_WINDOW_BYTES_MAX,
      maxReadBufferLength: STREAM_BUFFER_BYTES_MAX,
      maxWriteBufferLength: STREAM_BUFFER_BYTES_MAX,
    },
  })
  return components => {
    const factory = create()
    const isSpoken = (protocol: string): boolean => components.registrar.getProtocols().includes(protocol)
    const createStreamMuxer = factory.createStreamMuxer.bind(factory)
    factory.createStreamMuxer = connection =>
      withNegotiation(withAssumedProtocols(closedWhenSilent(withFewUpdates(createStreamMuxer(connection)))), isSpoken)
    return factory
  }
}

function withAssumedProtocols<T extends StreamMuxer>(inner: T): T {
  const createStream = inner.createStream.bind(inner)
  inner.createStream = async (options: CreateStreamOptions = {}) => {
    const stream = await createStream(options)
    const { protocol } = options
    if (protocol !== undefined && isAssumed(protocol, options)) assumeProtocol(stream, protocol)
    return stream
  }
  return inner
}

/** Whoever hears of a stream that the other end has opened hears of it when it is known what it is for. */
function withNegotiation<T extends StreamMuxer>(inner: T, isSpoken: (protocol: string) => boolean): T {
  const addEventListener = inner.addEventListener.bind(inner) as (...args: unknown[]) => void
  const negotiated = (listener: (event: CustomEvent<Stream>) => unknown) => (event: CustomEvent<Stream>) => {
    const stream = event.detail
    const late = (): void => stream.abort(new Error('the peer does not say what a stream is for'))
    const timer = setTimeout(late, NEGOTIATION_TIMEOUT_MS)
    answer(stream, isSpoken)
      .then(protocol => {
        stream.protocol = protocol
        return listener(event)
      })
      .catch(error => stream.abort(error instanceof Error ? error : new Error(String(error))))
      .finally(() => clearTimeout(timer))
  }
  Reflect.set(inner, 'addEventListener', (type: unknown, listener: unknown, ...rest: unknown[]) =>
    addEventListener(type, type === 'stream' && isListener(listener) ? negotiated(listener) : listener, ...rest),
  )
  return inner
}

function isListener(value: unknown): value is (event: CustomEvent<Stream>) => unknown {
  return typeof value === 'function'
}

function withFewUpdates<T extends object>(inner: T): T {
  const newStream: unknown = Reflect.get(inner, '_newStream')
  if (typeof newStream !== 'function') return inner
  const unused = new UnusedStreams(inner)
  Reflect.set(inner, '_newStream', (...args: unknown[]) => {
    const stream: unknown = newStream.apply(inner, args)
    if (isInside(stream)) sayLess(stream)
    if (isStream(stream) && stream.direction === 'inbound') unused.watch(stream)
    return stream
  })
  return inner
}

/** Closes a connection on which streams are opened and reset without end. */
class UnusedStreams {
  readonly #muxer: object
  #count = 0
  #since = 0

  constructor(muxer: object) {
    this.#muxer = muxer
  }

  watch(stream: Stream): void {
    stream.addEventListener('close', () => {
      if (stream.protocol === '') this.#ended()
    })
  }

  #ended(): void {
    const now = performance.now()
    if (now - this.#since > UNUSED_MS) {
      this.#since = now
      this.#count = 0
    }
    this.#count += 1
    if (this.#count !== UNUSED_STREAMS_MAX) return
    const connection: unknown = Reflect.get(this.#muxer, 'maConn')
    if (isAbortable(connection)) connection.abort(new Error('the peer opens streams and does not use them'))
  }
}

function isStream(value: unknown): value is Stream {
  return typeof value === 'object' && value !== null && 'direction' in value && 'addEventListener' in value
}

function isAbortable(value: unknown): value is { abort(error: Error): void } {
  return typeof value === 'object' && value !== null && 'abort' in value && typeof value.abort === 'function'
}

function sayLess(stream: Inside): void {
  const { getRTT } = stream
  const update = stream.sendWindowUpdate.bind(stream)
  stream.getRTT = () => Math.max(ROUND_TRIP_MS_MIN, getRTT())
  stream.sendWindowUpdate = () => {
    // Before, an update carries a flag that the other end waits for.
    if (stream.state === ESTABLISHED && stream.recvWindowCapacity > stream.recvWindow / 2) return
    update()
  }
}

/** Lets the other end send so many bytes ahead, without its window having grown to that over round trips. */
export function widenWindow(stream: Stream, bytes: number): void {
  if (!isInside(stream) || stream.recvWindow >= bytes) return
  stream.recvWindow = bytes
  stream.sendWindowUpdate()
}

function isInside(value: unknown): value is Inside {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof Reflect.get(value, 'state') === 'number' &&
    typeof Reflect.get(value, 'recvWindow') === 'number' &&
    typeof Reflect.get(value, 'recvWindowCapacity') === 'number' &&
    typeof Reflect.get(value, 'getRTT') === 'function' &&
    typeof Reflect.get(value, 'sendWindowUpdate') === 'function'
  )
}
