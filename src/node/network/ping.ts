import { type Connection, type Startable, type Stream, serviceCapabilities } from '@libp2p/interface'
import type { Ping, PingComponents } from '@libp2p/ping'
import { Failure } from '../../contract/failure.ts'
import type { Waiting } from '../../repo/roles.ts'
import { dialFailure } from './dial-failure.ts'
import type { LeftPeers } from './left-peers.ts'
import { whenEnded } from './stream-end.ts'

/** https://github.com/libp2p/specs/blob/master/ping/ping.md */
const PROTOCOL = '/ipfs/ping/1.0.0'
const BYTES = 32
const TIMEOUT_MS = 10_000

/** Streams of one connection on which pings are answered. */
const INBOUND_STREAMS_MAX = 16
/** A stream that brings nothing for so long is closed. */
const IDLE_MS = 60_000

/**
 * Returns the ping service of libp2p. That of `@libp2p/ping` takes what comes in faster than it goes out into memory,
 * without a limit: here a peer that does not read its answers is not read from. It does not dial peers that were left.
 */
export function ping(left: LeftPeers): (components: PingComponents) => Ping & Startable {
  return ({ registrar, connectionManager }) => ({
    ...{ [serviceCapabilities]: ['@libp2p/ping'] },
    start: async () =>
      await registrar.handle(PROTOCOL, answer, {
        maxInboundStreams: INBOUND_STREAMS_MAX,
        runOnLimitedConnection: true,
      }),
    stop: async () => await registrar.unhandle(PROTOCOL),
    ping: async (peer, options = {}) => {
      // The DHT pings a new peer before it takes it into its table. One that was disconnected meanwhile stays so.
      if (left.has(peer)) throw new Failure('network', `ping to ${peer} failed: disconnected`)
      return await pingOnce(await connectionManager.openConnection(peer, options), options)
    },
  })
}

function answer(stream: Stream): void {
  const idle = setTimeout(() => stream.abort(new Error('no ping for too long')), IDLE_MS)
  idle.unref()
  stream.addEventListener('message', ({ data }) => {
    idle.refresh()
    try {
      if (!stream.send(data)) stream.pause()
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)))
    }
  })
  stream.addEventListener('drain', () => {
    if (stream.readStatus === 'paused') stream.resume()
  })
  whenEnded(stream, () => void stream.close().catch(() => undefined))
  stream.addEventListener('close', () => clearTimeout(idle))
}

/** Measures one round trip on a connection, in milliseconds. */
export async function pingOnce(connection: Connection, options: Waiting = {}): Promise<number> {
  const limit = AbortSignal.timeout(TIMEOUT_MS)
  const signal = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit])
  let stream: Stream | undefined
  try {
    stream = await connection.newStream(PROTOCOL, { signal, runOnLimitedConnection: true, negotiateFully: true })
    const ms = await roundTrip(stream, signal)
    connection.rtt = ms
    return ms
  } catch (error) {
    throw dialFailure(`ping to ${connection.remotePeer} failed`, error)
  } finally {
    // The stream is thrown away: what it still has to say interests nobody.
    stream?.abort(new Error('ping done'))
  }
}

async function roundTrip(stream: Stream, signal: AbortSignal): Promise<number> {
  const sent = crypto.getRandomValues(new Uint8Array(BYTES))
  const echo = Promise.withResolvers<void>()
  let got = 0
  stream.addEventListener('message', ({ data }) => {
    const bytes = data.subarray()
    const isRight = bytes.every((byte, at) => byte === sent[got + at])
    got += bytes.length
    if (!isRight) echo.reject(new Failure('network', 'ping: the answer differs from what was sent'))
    else if (got === BYTES) echo.resolve()
  })
  stream.addEventListener('close', () => echo.reject(new Failure('network', 'ping: the stream was closed')))
  const onAbort = (): void => echo.reject(signal.reason)
  signal.addEventListener('abort', onAbort)
  try {
    const begun = performance.now()
    stream.send(sent)
    await echo.promise
    return performance.now() - begun
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
