import type { PeerInfo } from '@libp2p/interface'
import type { QueryEvent as DhtEvent } from '@libp2p/kad-dht'
import type { PeerAddresses, QueryEvent } from './network.ts'

/** Kubo's numbers, which those of the library are, too. */
export const PROVIDER_EVENT = 4
const PEER_RESPONSE_EVENT = 1
const DIALING_PEER_EVENT = 7
const QUERY_TYPE_MAX = 7

/** Returns an event of the DHT as Kubo tells it; undefined for what it does not tell. */
export function queryEvent(event: DhtEvent): QueryEvent | undefined {
  if (event.type > QUERY_TYPE_MAX) return undefined
  switch (event.name) {
    case 'SEND_QUERY':
      return { type: event.type, peer: event.to.toString() }
    case 'PEER_RESPONSE':
      return { type: event.type, peer: event.from.toString(), responses: distinct(event.closer) }
    case 'FINAL_PEER':
      return { type: event.type, peer: event.peer.id.toString(), responses: [addressesOf(event.peer)] }
    case 'QUERY_ERROR':
      return { type: event.type, peer: event.from.toString(), extra: event.error.message }
    case 'ADD_PEER':
    case 'DIAL_PEER':
      return { type: event.type, peer: event.peer.toString() }
    default:
      // Providers and values are told by whoever takes them.
      return undefined
  }
}

/**
 * Returns true for an event that Kubo would not tell of: a peer that is connected is not dialled, and this node is not
 * asked.
 */
export function isUntold(event: QueryEvent, own: string, isConnected: (peer: string) => boolean): boolean {
  if (event.type === DIALING_PEER_EVENT) return isConnected(event.peer)
  return event.type === PEER_RESPONSE_EVENT && event.peer === own
}

/** A peer that answers may name another twice. */
function distinct(peers: readonly PeerInfo[]): PeerAddresses[] {
  const found = new Map<string, PeerAddresses>()
  for (const peer of peers.map(addressesOf)) if (!found.has(peer.peer)) found.set(peer.peer, peer)
  return [...found.values()]
}

/** Returns a peer and its addresses as text. */
export function addressesOf(peer: PeerInfo): PeerAddresses {
  return { peer: peer.id.toString(), addresses: [...new Set(peer.multiaddrs.map(String))] }
}
