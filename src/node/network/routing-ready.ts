import { setTimeout as later } from 'node:timers/promises'
import type { Dht } from './dht.ts'
import type { PartContext } from './parts.ts'

/** How long peers that are being dialled, or asked what they speak, are waited for. */
const READY_TIMEOUT_MS = { repo: 2_000, ephemeral: 12_000 }
const LOOK_AGAIN_MS = 50
/** A peer that has been connected for so long and is in no table speaks no DHT. */
const SETTLED_MS = 2_000

/** Resolves when a DHT has a peer, or there is no prospect of one. */
export async function whenReady(
  dhts: readonly Dht[],
  context: PartContext,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (dhts.length === 0) return
  const added = new AbortController()
  const onAdd = (): void => added.abort()
  for (const { routingTable } of dhts) routingTable.addEventListener('peer:add', onAdd)
  const until = Date.now() + READY_TIMEOUT_MS[context.identity]
  try {
    while (!dhts.some(dht => dht.routingTable.size > 0) && Date.now() < until && isPromising(context)) {
      const stop = AbortSignal.any([added.signal, context.signal, ...(signal === undefined ? [] : [signal])])
      // Only the end of what is promising is found out by looking: a peer that is added says so.
      await later(LOOK_AGAIN_MS, undefined, { signal: stop }).catch(() => undefined)
      signal?.throwIfAborted()
      context.signal.throwIfAborted()
      if (added.signal.aborted) return
    }
  } finally {
    for (const { routingTable } of dhts) routingTable.removeEventListener('peer:add', onAdd)
  }
}

/** Returns true while something is being dialled, or a connection is so new that its peer may yet be added. */
function isPromising({ libp2p }: PartContext): boolean {
  if (libp2p.getDialQueue().length > 0) return true
  const since = Date.now() - SETTLED_MS
  return libp2p.getConnections().some(({ timeline }) => timeline.open > since)
}
