import type { Transport } from '@libp2p/interface'
import { isMultiaddr } from '@multiformats/multiaddr'
import type { Config } from '../../repo/roles.ts'
import { hasPublicAddress, isLoopbackOnly } from './listen.ts'
import { type Components, type PartBase, type Services, withPart } from './parts.ts'
import { durationAt, flagAt, numberAt, textAt } from './settings.ts'
import type { OutsideDials } from './tcp.ts'

/** How a node is met that cannot be dialled, and how it helps others that cannot. */
export interface Reachability {
  readonly transports: ((components: Components) => Transport)[]
  /** Added to what is listened on. */
  readonly listen: string[]
  readonly services: Services
  /** How peers outside are dialled; undefined: as all others. */
  readonly outsideDials: OutsideDials | undefined
}

/**
 * Returns relays, AutoNAT, hole punching and port mapping, as the config wants them. A node that listens on the
 * loopback interface only needs none of them, and loads none; one that was asked for has it all the same.
 */
export async function reachability(base: PartBase, listen: readonly string[]): Promise<Reachability> {
  const { config, identity } = base
  const isServing = identity === 'repo' && !isLoopbackOnly(listen)
  const relays = flagAt(config, 'Swarm.Transports.Network.Relay', true)
  const isPublic = isServing && hasPublicAddress(listen)
  const usesRelays = relays && flagAt(config, 'Swarm.RelayClient.Enabled', isServing && !isPublic)
  const isRelay = relays && flagAt(config, 'Swarm.RelayService.Enabled', isPublic)
  // Who can be dialled needs it too: whoever cannot dials back, once he has been met through a relay.
  const isPunching = relays && isServing && flagAt(config, 'Swarm.EnableHolePunching', true)
  const [transport, punched, services] = await Promise.all([
    relays && (isServing || usesRelays || isRelay || identity === 'ephemeral') ? relayTransport() : [],
    isPunching ? (await import('./hole-punching.ts')).holePunching() : undefined,
    Promise.all([
      isRelay && identity === 'repo' ? relayService(config) : {},
      isServing && textAt(config, 'AutoNAT.ServiceMode') !== 'disabled' ? autonat() : {},
      isServing && !flagAt(config, 'Swarm.DisableNatPortMap', false) ? portMapping(base) : {},
    ]),
  ])
  return {
    transports: transport,
    listen: usesRelays && identity === 'repo' ? ['/p2p-circuit'] : [],
    services: Object.assign({}, ...services, punched?.services),
    outsideDials: isPublic ? undefined : punched?.outsideDials,
  }
}

async function relayTransport(): Promise<((components: Components) => Transport)[]> {
  const { circuitRelayTransport } = await import('@libp2p/circuit-relay-v2')
  return [circuitRelayTransport()]
}

async function relayService(config: Config): Promise<Services> {
  const { circuitRelayServer } = await import('@libp2p/circuit-relay-v2')
  const key = 'Swarm.RelayService'
  return {
    relay: circuitRelayServer({
      maxOutboundStopStreams: numberAt(config, `${key}.MaxCircuits`, 16) * 16,
      reservations: {
        maxReservations: numberAt(config, `${key}.MaxReservations`, 128),
        reservationTtl: durationAt(config, `${key}.ReservationTTL`, 3_600_000),
        defaultDurationLimit: durationAt(config, `${key}.ConnectionDurationLimit`, 120_000),
        defaultDataLimit: BigInt(numberAt(config, `${key}.ConnectionDataLimit`, 131_072)),
      },
    }),
  }
}

async function autonat(): Promise<Services> {
  const { autoNAT } = await import('@libp2p/autonat')
  const create = autoNAT()
  return { autonat: components => create(dialingAnew(components)) }
}

/**
 * Whoever asks whether he can be dialled is connected already. The library is given that connection when it dials him,
 * sees that it is not the one that it wanted, and closes it. Here it is given one of its own.
 */
function dialingAnew(components: Components): Components {
  const { connectionManager } = components
  const openConnection: typeof connectionManager.openConnection = (peer, options) =>
    connectionManager.openConnection(peer, { ...options, force: isMultiaddr(peer) })
  return withPart(components, { connectionManager: withPart(connectionManager, { openConnection }) })
}

async function portMapping({ log }: PartBase): Promise<Services> {
  const { PortMapping } = await import('./port-mapping.ts')
  return { portMapping: components => new PortMapping(components, { log: text => log('net', 'debug', text) }) }
}
