import { setTimeout as later } from 'node:timers/promises'
import type { StreamMuxer } from '@libp2p/interface'

/** A peer from which nothing comes for so long while it owes an answer is gone. */
const SILENCE_MS_MAX = 30_000

interface Pinging {
  ping: (options?: { signal?: AbortSignal }) => Promise<number>
  onData: (data: unknown) => void
  readonly maConn: { abort(error: Error): void }
}

/**
 * Has a muxer close its connection when the other end is silent. It pings by itself, twice a minute, with a frame of a
 * few bytes each way; the monitor of libp2p opens a stream for each ping instead, on all connections at a time.
 */
export function closedWhenSilent<T extends StreamMuxer>(muxer: T, silenceMsMax: number = SILENCE_MS_MAX): T {
  if (!isPinging(muxer)) return muxer
  const ping = muxer.ping.bind(muxer)
  const onData = muxer.onData.bind(muxer)
  let heard = 0
  let heardBefore = 0
  let lastMs = -1
  muxer.onData = data => {
    heard += 1
    onData(data)
  }
  muxer.ping = async options => {
    // Whoever has sent something since need not be asked: most peers ping, too.
    if (lastMs >= 0 && heard > heardBefore) {
      heardBefore = heard
      return lastMs
    }
    const answer = ping(options)
    const over = new AbortController()
    void answer.catch(() => undefined).finally(() => over.abort())
    for (let before = heard; await isPending(over.signal, silenceMsMax); before = heard) {
      // The answer may stand behind much else on a slow line: whoever sends something is not gone.
      if (heard === before) muxer.maConn.abort(new Error('the peer is silent'))
    }
    lastMs = await answer
    heardBefore = heard
    return lastMs
  }
  return muxer
}

/** Returns the last round trip that a muxer has measured, in milliseconds; undefined before there was one. */
export function roundTripMs(connection: object): number | undefined {
  const muxer: unknown = Reflect.get(connection, 'muxer')
  const ms: unknown = typeof muxer === 'object' && muxer !== null ? Reflect.get(muxer, 'rtt') : undefined
  return typeof ms === 'number' && ms >= 0 ? ms : undefined
}

/** Resolves with true after a time, or with false as soon as the signal aborts. */
async function isPending(over: AbortSignal, ms: number): Promise<boolean> {
  try {
    await later(ms, undefined, { signal: over, ref: false })
    return true
  } catch {
    return false
  }
}

function isPinging(muxer: object): muxer is Pinging {
  return (
    typeof Reflect.get(muxer, 'ping') === 'function' &&
    typeof Reflect.get(muxer, 'onData') === 'function' &&
    typeof Reflect.get(muxer, 'maConn') === 'object'
  )
}
