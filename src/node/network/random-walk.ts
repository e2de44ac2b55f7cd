import { setTimeout as later } from 'node:timers/promises'
import type { PeerInfo, PeerRouting, RoutingOptions } from '@libp2p/interface'
import type { Components } from './parts.ts'

/** A walk that met fewer peers than this has seen all of a small network: there is no hurry to see them again. */
const PEERS_OF_A_LARGE_NETWORK = 20
const PAUSE_FIRST_MS = 1_000
const PAUSE_MAX_MS = 60_000

type Walk = Pick<PeerRouting, 'getClosestPeers'>

/**
 * Has the random walks of libp2p pause where there is nobody to be met. Relays and AutoNAT look for peers by them; one
 * walk follows the other at once, and while no peer is known each ends in the same turn of the event loop: nothing else
 * would ever run.
 */
export function paceRandomWalks({ randomWalk, events }: Components): void {
  const inner: unknown = Reflect.get(randomWalk, 'peerRouting')
  if (!isWalk(inner)) throw new Error('the random walk of libp2p has no routing')
  const connected = new Set<() => void>()
  events.addEventListener('peer:connect', () => {
    for (const go of connected) go()
  })
  Reflect.set(
    randomWalk,
    'peerRouting',
    pacedWalk(inner, go => meeting(connected, go)),
  )
}

function meeting(listeners: Set<() => void>, go: () => void): Disposable {
  listeners.add(go)
  return { [Symbol.dispose]: () => void listeners.delete(go) }
}

/** Returns what walks as `inner` does. `whenMet` is told what to call as soon as a peer is there. */
export function pacedWalk(inner: Walk, whenMet: (go: () => void) => Disposable): Walk {
  let pauseMs = PAUSE_FIRST_MS
  return {
    async *getClosestPeers(key: Uint8Array, options?: RoutingOptions): AsyncIterable<PeerInfo> {
      let count = 0
      for await (const peer of inner.getClosestPeers(key, options)) {
        count += 1
        yield peer
      }
      if (count >= PEERS_OF_A_LARGE_NETWORK) {
        pauseMs = PAUSE_FIRST_MS
        return
      }
      const met = new AbortController()
      using _ = whenMet(() => met.abort())
      const signal = options?.signal === undefined ? met.signal : AbortSignal.any([options.signal, met.signal])
      try {
        await later(pauseMs, undefined, { signal, ref: false })
        pauseMs = Math.min(PAUSE_MAX_MS, pauseMs * 2)
      } catch {
        // Somebody has come, or nobody is looked for any longer.
        pauseMs = PAUSE_FIRST_MS
      }
    },
  }
}

function isWalk(value: unknown): value is Walk {
  return typeof value === 'object' && value !== null && 'getClosestPeers' in value
}
