import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { AddressManagerInit } from 'libp2p'
import { Failure } from '../../contract/failure.ts'
import type { Config } from '../../repo/roles.ts'
import { withoutPeer } from './addresses.ts'
import { AddressFilters, isMask } from './filters.ts'
import { textsAt } from './settings.ts'

/**
 * Returns what is announced: `Addresses.Announce` in place of what is listened on, `AppendAnnounce` beside, without
 * what `NoAnnounce` names. `listening` are the addresses of the listeners.
 */
export function announceOptions(config: Config, listening: () => readonly Multiaddr[]): AddressManagerInit {
  const announce = addressesAt(config, 'Addresses.Announce')
  const append = addressesAt(config, 'Addresses.AppendAnnounce')
  const hidden = addressesAt(config, 'Addresses.NoAnnounce', isMask)
  const exact = new Set(hidden.filter(text => !isMask(text)))
  const masks = new AddressFilters(hidden.filter(isMask))
  return {
    // libp2p leaves out what is appended when there is something to announce instead.
    announce: announce.length > 0 ? [...new Set([...announce, ...append])] : [],
    appendAnnounce: append,
    announceFilter: addresses => {
      // libp2p waits until somebody has confirmed a public address; what an interface has counts here at once.
      const own = announce.length > 0 ? [] : listening()
      const shown = new Map([...own, ...addresses].map(address => [withoutPeer(address), address]))
      return [...shown].filter(([text, address]) => !exact.has(text) && !masks.matches(address)).map(([, one]) => one)
    },
  }
}

function addressesAt(config: Config, key: string, isOther: (text: string) => boolean = () => false): string[] {
  return textsAt(config, key).map(text => {
    if (isOther(text)) return text
    try {
      return multiaddr(text).toString()
    } catch (error) {
      throw new Failure('failed', `the config holds no valid address in ${key}: ${text}`, { cause: error })
    }
  })
}
