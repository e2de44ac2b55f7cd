import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import type { CID } from 'multiformats/cid'
import type { FindProviders } from './bitswap/session.ts'
import type { PeerAddresses, Routing } from './network.ts'
import type { PartContext } from './parts.ts'

/** So many providers are looked for in one search. */
const PROVIDERS_MAX = 20
const DIALS_MAX = 6
const DIAL_TIMEOUT_MS = 10_000

/** Returns a search for providers by routing, which dials those it finds. Those that answer over HTTP go to `onGateway`. */
export function providerSearch(
  { libp2p }: PartContext,
  routing: Routing,
  onGateway: (url: string) => void,
): FindProviders {
  const dial = async ({ peer, addresses }: PeerAddresses, signal: AbortSignal): Promise<string> => {
    const id = peerIdFromString(peer)
    if (libp2p.getConnections(id).length > 0) return peer
    const stop = AbortSignal.any([signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)])
    const known = addresses.filter(address => gatewayUrl(address) === undefined)
    if (known.length > 0) await libp2p.peerStore.merge(id, { multiaddrs: known.map(address => multiaddr(address)) })
    await libp2p.dial(id, { signal: stop })
    return peer
  }
  return async function* (cid: CID, { signal }) {
    const ready = new Ready()
    const own = libp2p.peerId.toString()
    const find = async (): Promise<void> => {
      const dials = new Set<Promise<void>>()
      for await (const provider of routing.findProviders(cid, { signal, count: PROVIDERS_MAX })) {
        if (provider.peer === own) continue
        for (const address of provider.addresses) {
          const url = gatewayUrl(address)
          if (url !== undefined) onGateway(url)
        }
        const dialled: Promise<void> = dial(provider, signal)
          .then(
            peer => ready.push(peer),
            // Who cannot be reached does not help.
            () => undefined,
          )
          .finally(() => dials.delete(dialled))
        dials.add(dialled)
        if (dials.size >= DIALS_MAX) await Promise.race(dials)
      }
      await Promise.all(dials)
    }
    const done = find().finally(() => ready.end())
    // Awaited at the end; until then nobody listens.
    done.catch(() => undefined)
    yield* ready.items()
    await done
  }
}

/** Returns the URL of a provider that answers over HTTP; undefined for another one. */
export function gatewayUrl(address: string): string | undefined {
  const match =
    /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d{1,5})\/(https|http|tls\/http|tls\/sni\/[^/]+\/http)(?:\/p2p\/\w+)?$/.exec(
      address,
    )
  const [, host = '', port, scheme] = match ?? []
  if (scheme === undefined) return undefined
  return `${scheme === 'http' ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Items that come one by one. */
class Ready {
  readonly #items: string[] = []
  #isEnded = false
  #wake: (() => void) | undefined

  push(item: string): void {
    this.#items.push(item)
    this.#wake?.()
  }

  end(): void {
    this.#isEnded = true
    this.#wake?.()
  }

  async *items(): AsyncIterable<string> {
    for (;;) {
      const item = this.#items.shift()
      if (item !== undefined) yield item
      else if (this.#isEnded) return
      else
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
    }
  }
}
