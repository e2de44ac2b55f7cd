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
  return { name, buckets: folded(buckets, dht.k) }
}

/** As in Kubo the last bucket holds all that are nearer, until they are too many for one. */
function folded<B extends { peers: unknown[] }>(buckets: B[], peersMax: number): B[] {
  for (;;) {
    const [before, last] = buckets.slice(-2)
    if (before === undefined || last === undefined) return buckets
    if (before.peers.length + last.peers.length > peersMax) return buckets
    before.peers.push(...last.peers)
    buckets.pop()
  }
}

function commonBits(one: Uint8Array, other: Uint8Array): number {
  for (const [at, byte] of one.entries()) {
    const difference = byte ^ (other[at] ?? 0)
    if (difference !== 0) return at * 8 + Math.clz32(difference) - 24
  }
  return one.length * 8
}
