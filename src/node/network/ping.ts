import type { Connection, Stream } from '@libp2p/interface'
import { Failure } from '../../contract/failure.ts'
import type { Waiting } from '../../repo/roles.ts'
import { dialFailure } from './dial-failure.ts'

/** https://github.com/libp2p/specs/blob/master/ping/ping.md */
const PROTOCOL = '/ipfs/ping/1.0.0'
const BYTES = 32
const TIMEOUT_MS = 10_000

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
