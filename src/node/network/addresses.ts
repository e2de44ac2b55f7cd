import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { CODE_P2P, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { Failure } from '../../contract/failure.ts'

/** Where a peer can be reached: its id, and an address without it; undefined when only the id is known. */
export interface PeerTarget {
  readonly peer: PeerId
  readonly address: Multiaddr | undefined
}

/** Returns the address that a text stands for. Throws a `usage` Failure. */
export function parseAddress(text: string): Multiaddr {
  try {
    return multiaddr(text)
  } catch (error) {
    const reason = text.startsWith('/') ? reasonOf(error) : 'must begin with /'
    throw new Failure('usage', `failed to parse multiaddr "${text}": ${reason}`, {
      hint: 'write it like /ip4/127.0.0.1/tcp/4001/p2p/12D3KooW…',
      cause: error,
    })
  }
}

/** Returns the peer and the address of a text that ends in `/p2p/<peer>`. Throws a `usage` Failure. */
export function parseTarget(text: string): PeerTarget {
  const target = targetOf(parseAddress(text))
  if (target === undefined) {
    throw new Failure('usage', `invalid p2p multiaddr: ${text}`, { hint: 'it must end in /p2p/<peer id>' })
  }
  return target
}

/** Returns the peer and the address of an address that ends in `/p2p/<peer>`; undefined for another one. */
export function targetOf(address: Multiaddr): PeerTarget | undefined {
  const components = address.getComponents()
  const last = components.at(-1)
  if (last?.code !== CODE_P2P || last.value === undefined) return undefined
  const peer = parsePeer(last.value)
  return { peer, address: components.length === 1 ? undefined : multiaddr(components.slice(0, -1)) }
}

/** Returns the peer id that a text stands for, base58 or a CID. Throws a `usage` Failure. */
export function parsePeer(text: string): PeerId {
  try {
    return peerIdFromString(text)
  } catch (error) {
    // The library speaks of decoders that a program could pass.
    const reason = reasonOf(error).replace(/^Please pass a multibase decoder.*/, 'selected encoding not supported')
    throw new Failure('usage', `failed to parse peer ID: invalid cid: ${reason}`, { cause: error })
  }
}

/** Returns an address without the peer that it ends in, if it does. */
export function withoutPeer(address: Multiaddr): string {
  const components = address.getComponents()
  return components.at(-1)?.code === CODE_P2P ? multiaddr(components.slice(0, -1)).toString() : address.toString()
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Returns the peer and the address of a text that is a peer id, or ends in `/p2p/<peer>`. Throws a `usage` Failure. */
export function targetOfText(text: string): PeerTarget {
  return text.startsWith('/') ? parseTarget(text) : { peer: parsePeer(text), address: undefined }
}
