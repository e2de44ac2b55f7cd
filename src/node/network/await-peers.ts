import { setTimeout as later } from 'node:timers/promises'
import { formatDuration } from '../../contract/duration.ts'
import { Failure } from '../../contract/failure.ts'
import type { Globals } from '../../contract/globals.ts'
import type { Network } from './network.ts'

const POLL_MS = 20

/**
 * Resolves when an ephemeral node has a peer: one of those that --peer names, else any. Throws `network` when none was
 * reached within --lookup-timeout.
 */
export async function awaitPeers(network: Network, globals: Globals, signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.timeout(globals.lookupTimeoutMs)
  const stop = AbortSignal.any([signal, limit])
  try {
    if (globals.peers.length === 0) await network.swarm.whenConnected(1, { signal: stop })
    else await Promise.any(globals.peers.map(address => network.swarm.connect(address, { signal: stop })))
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof AggregateError && !limit.aborted) throw error.errors[0]
    if (!limit.aborted) throw error
    throw new Failure('network', `no peer was reached within ${formatDuration(globals.lookupTimeoutMs)}`, {
      hint: 'name one with --peer /ip4/…/tcp/…/p2p/…, or run a daemon',
      cause: error,
    })
  }
}

/** Resolves when so many peers are subscribed to a topic. Throws `network` when they are not within --lookup-timeout. */
export async function awaitSubscribers(
  { pubsub }: Network,
  topic: Uint8Array,
  count: number,
  globals: Globals,
  signal: AbortSignal,
): Promise<void> {
  const end = Date.now() + globals.lookupTimeoutMs
  // Asking for the topic starts pubsub; it is not to be subscribed to, or peers would send their messages here.
  await pubsub.start()
  for (;;) {
    const { length } = pubsub.peers(topic)
    if (length >= count) return
    if (Date.now() >= end) {
      const found = length === 0 ? 'nobody is' : `only ${length} of ${count} peers are`
      throw new Failure('network', `${found} subscribed to the topic`, {
        hint: 'wait longer with --lookup-timeout, or leave out --min-peers',
      })
    }
    await later(POLL_MS, undefined, { signal })
  }
}
