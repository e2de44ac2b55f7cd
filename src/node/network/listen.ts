import { networkInterfaces } from 'node:os'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { Failure } from '../../contract/failure.ts'
import type { Config } from '../../repo/roles.ts'
import { type AddressFilters, unreachableNetworks } from './filters.ts'
import { flagAt, textsAt } from './settings.ts'

/** Protocols of transports that this program does not speak. */
const OTHER_TRANSPORTS = new Set(['udp', 'quic', 'quic-v1', 'webtransport', 'webrtc', 'webrtc-direct', 'wss', 'tls'])
const LOOPBACK = /^\/(ip4\/127\.|ip6\/::1\/|dns[46]?\/localhost\/)/
const WILDCARD = /^\/(ip4\/0\.0\.0\.0|ip6\/::)\//

/** Returns the addresses of `Addresses.Swarm` that can be listened on; the others are a warning each. */
export function listenAddresses(config: Config, onWarning: ((text: string) => void) | undefined): string[] {
  const isOn = {
    tcp: flagAt(config, 'Swarm.Transports.Network.TCP', true),
    ws: flagAt(config, 'Swarm.Transports.Network.Websocket', true),
  }
  return textsAt(config, 'Addresses.Swarm').filter(text => {
    const names = namesOf(text)
    const isSpoken = !names.some(name => OTHER_TRANSPORTS.has(name)) && (names.includes('tcp') || names[0] === 'unix')
    if (!isSpoken) {
      onWarning?.(`not listening on ${text}: tsipfs speaks tcp and ws`)
      return false
    }
    return names.includes('ws') ? isOn.ws : isOn.tcp
  })
}

/** Returns the addresses with a port of the system's choice each: a node beside may listen on those of the config. */
export function withFreePorts(listen: readonly string[]): string[] {
  return [
    ...new Set(listen.filter(text => !text.startsWith('/unix/')).map(text => text.replace(/\/tcp\/\d+/, '/tcp/0'))),
  ]
}

/** Returns true when nobody outside of this machine can come in. */
export function isLoopbackOnly(listen: readonly string[]): boolean {
  return listen.every(address => LOOPBACK.test(`${address}/`))
}

/** Returns true when one of the addresses is, or stands for, an address of this machine that the internet can reach. */
export function hasPublicAddress(listen: readonly string[]): boolean {
  const reserved = unreachableNetworks()
  return listen.some(address =>
    WILDCARD.test(`${address}/`) ? interfaceIsPublic(reserved) : isPublic(multiaddr(address), reserved),
  )
}

function interfaceIsPublic(reserved: AddressFilters): boolean {
  return Object.values(networkInterfaces()).some(addresses =>
    addresses?.some(({ address, family, internal }) => {
      if (internal || address.includes('%')) return false
      return isPublic(multiaddr(`/${family === 'IPv6' ? 'ip6' : 'ip4'}/${address}`), reserved)
    }),
  )
}

function isPublic(address: Multiaddr, reserved: AddressFilters): boolean {
  const [first] = address.getComponents()
  return (first?.name === 'ip4' || first?.name === 'ip6') && !reserved.matches(address)
}

function namesOf(text: string): string[] {
  try {
    return multiaddr(text)
      .getComponents()
      .map(({ name }) => name)
  } catch (error) {
    throw new Failure('failed', `the config holds no valid address in Addresses.Swarm: ${text}`, { cause: error })
  }
}
