import type { PeerInfo } from '@libp2p/interface'
import type { QueryEvent as DhtEvent } from '@libp2p/kad-dht'
import type { PeerAddresses, QueryEvent } from './network.ts'

/** Kubo's numbers, which those of the library are, too. */
export const PROVIDER_EVENT = 4
const QUERY_TYPE_MAX = 7

/** Returns an event of the DHT as Kubo tells it; undefined for what it does not tell. */
export function queryEvent(event: DhtEvent): QueryEvent | undefined {
  if (event.type > QUERY_TYPE_MAX) return undefined
  switch (event.name) {
    case 'SEND_QUERY':
      return { type: event.type, peer: event.to.toString() }
    case 'PEER_RESPONSE':
      return { type: event.type, peer: event.from.toString(), responses: event.closer.map(addressesOf) }
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

/** Returns a peer and its addresses as text. */
export function addressesOf(peer: PeerInfo): PeerAddresses {
  return { peer: peer.id.toString(), addresses: [...new Set(peer.multiaddrs.map(String))] }
}
