import type { Libp2p } from '@libp2p/interface'
import type { Dht } from './dht.ts'
import type { RoutingTable } from './network.ts'

/** Returns the routing table of a DHT, as buckets of peers that have as many bits of their keys in common with ours. */
export async function readTable(name: string, dht: Dht, libp2p: Libp2p): Promise<RoutingTable> {
  const { kb } = dht.routingTable
  const own = kb.localPeer?.kadId
  const buckets: { lastRefresh: number | undefined; peers: RoutingTable['buckets'][number]['peers'][number][] }[] = []
  for (const { peerId, kadId, lastPing } of kb.toIterable()) {
    if (peerId.equals(libp2p.peerId)) continue
    const at = own === undefined ? 0 : commonBits(own, kadId)
    while (buckets.length <= at) buckets.push({ lastRefresh: undefined, peers: [] })
    const known = await libp2p.peerStore.get(peerId).catch(() => undefined)
    const agent = known?.metadata.get('AgentVersion')
    buckets[at]?.peers.push({
      peer: peerId.toString(),
      connected: libp2p.getConnections(peerId).length > 0,
      agentVersion: agent === undefined ? '' : new TextDecoder().decode(agent),
      lastUsefulMs: lastPing > 0 ? lastPing : undefined,
      lastQueriedMs: lastPing > 0 ? lastPing : undefined,
    })
  }
  return { name, buckets }
}

function commonBits(one: Uint8Array, other: Uint8Array): number {
  for (const [at, byte] of one.entries()) {
    const difference = byte ^ (other[at] ?? 0)
    if (difference !== 0) return at * 8 + Math.clz32(difference) - 24
  }
  return one.length * 8
}
