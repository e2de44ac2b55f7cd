import { multiaddr } from '@multiformats/multiaddr'
import { Failure } from '../../contract/failure.ts'
import type { Config } from '../../repo/roles.ts'
import { textsAt } from './settings.ts'

/** Protocols of transports that this program does not speak. */
const OTHER_TRANSPORTS = new Set(['udp', 'quic', 'quic-v1', 'webtransport', 'webrtc', 'webrtc-direct', 'wss', 'tls'])

/** Returns the addresses of `Addresses.Swarm` that can be listened on; the others are a warning each. */
export function listenAddresses(config: Config, onWarning: ((text: string) => void) | undefined): string[] {
  return textsAt(config, 'Addresses.Swarm').filter(text => {
    const other = componentsOf(text).find(name => OTHER_TRANSPORTS.has(name))
    if (other === undefined) return true
    onWarning?.(`not listening on ${text}: tsipfs speaks tcp and ws`)
    return false
  })
}

function componentsOf(text: string): string[] {
  try {
    return multiaddr(text)
      .getComponents()
      .map(({ name }) => name)
  } catch (error) {
    throw new Failure('failed', `the config holds no valid address in Addresses.Swarm: ${text}`, { cause: error })
  }
}
