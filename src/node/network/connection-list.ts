import type { Components } from './parts.ts'

/**
 * Makes asking for all connections cheap. libp2p copies its list for each peer again, and asks several times for each
 * connection that opens: with a thousand peers that was a quarter of what a new one cost.
 */
export function listConnectionsOnce({ connectionManager }: Components): void {
  const ofPeer = connectionManager.getConnections.bind(connectionManager)
  connectionManager.getConnections = peer => {
    if (peer !== undefined) return ofPeer(peer)
    const list: ReturnType<typeof ofPeer> = []
    for (const connections of connectionManager.getConnectionsMap().values()) list.push(...connections)
    return list
  }
}
