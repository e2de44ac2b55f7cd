import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { dcutr } from '@libp2p/dcutr'
import type { IdentifyResult } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { withoutPeer } from './addresses.ts'
import { unreachableNetworks } from './filters.ts'
import { type Components, type Services, withPart } from './parts.ts'
import type { OutsideDials } from './tcp.ts'

/** Addresses that others saw, the last ones. */
const OBSERVED_MAX = 3

/**
 * Hole punching: two peers behind routers, who have met through a relay, dial each other at the same time, each at the
 * address that the relay has seen. https://github.com/libp2p/specs/blob/master/relay/DCUtR.md
 *
 * A router lets the other one in only where this node's own dials came from. So what is dialled outside comes from one
 * port: not the one that is listened on, which the system does not share. libp2p dials from any port, and therefore tells
 * nobody what others have seen; here it does, in this protocol alone.
 */
export async function holePunching(): Promise<{ readonly services: Services; readonly outsideDials: OutsideDials }> {
  const create = dcutr()
  const unreachable = unreachableNetworks()
  const answered = new Set<string>()
  const applies = (address: Multiaddr): boolean => isTcpOver4(address) && !unreachable.matches(address)
  return {
    outsideDials: {
      localPort: await freePort(),
      applies,
      answers: address => answered.has(withoutPeer(address)),
    },
    services: { holePunching: components => create(punching(components, applies, answered)) },
  }
}

/** Returns a port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Returns what the service works with: it tells what others have seen, and its dials are answered where they should be. */
function punching(components: Components, applies: (address: Multiaddr) => boolean, answered: Set<string>): Components {
  const { addressManager, connectionManager, events, peerId } = components
  const observed = new Set<string>()
  events.addEventListener('peer:identify', ({ detail }) => {
    const address = observedBy(detail, applies)
    if (address === undefined) return
    observed.delete(address)
    observed.add(address)
    for (const oldest of observed) if (observed.size > OBSERVED_MAX) observed.delete(oldest)
  })
  const getAddresses = (): Multiaddr[] => [
    ...addressManager.getAddresses(),
    ...[...observed].map(address => multiaddr(`${address}/p2p/${peerId}`)),
  ]
  const openConnection: typeof connectionManager.openConnection = async (target, options) => {
    const addresses = options?.initiator === false && Array.isArray(target) ? target.map(withoutPeer) : []
    for (const address of addresses) answered.add(address)
    try {
      return await connectionManager.openConnection(target, options)
    } finally {
      for (const address of addresses) answered.delete(address)
    }
  }
  return withPart(components, {
    addressManager: withPart(addressManager, { getAddresses }),
    connectionManager: withPart(connectionManager, { openConnection }),
  })
}

/** Returns the address outside from which this node has dialled a peer, as the peer says; undefined when it says none. */
function observedBy(
  { observedAddr, connection }: IdentifyResult,
  applies: (address: Multiaddr) => boolean,
): string | undefined {
  if (observedAddr === undefined || connection.direction !== 'outbound') return undefined
  return applies(connection.remoteAddr) && applies(observedAddr) ? withoutPeer(observedAddr) : undefined
}

/** Returns true for a plain address, not one through a relay. */
function isTcpOver4(address: Multiaddr): boolean {
  const [ip, tcp, ...others] = address.getComponents().map(({ name }) => name)
  return ip === 'ip4' && tcp === 'tcp' && (others.length === 0 || (others.length === 1 && others[0] === 'p2p'))
}
