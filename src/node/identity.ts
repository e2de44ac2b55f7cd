import { AGENT } from '../contract/version.ts'
import { marshalPublicKey, peerIdBytes } from '../repo/keys.ts'
import type { Waiting } from '../repo/roles.ts'
import { selfKey } from './ipns/keys.ts'
import type { Node } from './node.ts'
import { formatPeerId } from './peer-id.ts'

/** The code of the multihash that holds what it names. */
const IDENTITY = 0

/** What a node says about itself, with Kubo's names; null where it is not on the network. */
export interface Identified {
  readonly multihash: Uint8Array
  readonly PublicKey: string
  readonly Addresses: readonly string[] | null
  readonly AgentVersion: string
  readonly Protocols: readonly string[] | null
}

/** Returns what the repo's own node is; on the network only when it is the daemon's. */
export async function ownIdentity(node: Node, options: Waiting = {}): Promise<Identified> {
  const { publicKey } = await selfKey(node.repo)
  const multihash = peerIdBytes(publicKey)
  const known = { multihash, PublicKey: Buffer.from(marshalPublicKey(publicKey)).toString('base64') }
  if (node.daemon === undefined || node.globals.offline) {
    return { ...known, Addresses: null, AgentVersion: AGENT, Protocols: null }
  }
  const network = await node.network(options)
  const suffix = `/p2p/${formatPeerId(multihash)}`
  const addresses = network.swarm.addresses().map(address => `${address}${suffix}`)
  return {
    ...known,
    Addresses: listOrNull(addresses),
    AgentVersion: network.agentVersion,
    Protocols: network.protocols(),
  }
}

/** Returns what a peer says about itself; with --offline what is known of it. Finds and dials it otherwise. */
export async function peerIdentity(node: Node, multihash: Uint8Array, options: Waiting = {}): Promise<Identified> {
  const peer = formatPeerId(multihash)
  if (node.globals.offline) {
    return {
      multihash,
      PublicKey: keyWithin(multihash),
      Addresses: [`/p2p/${peer}`],
      AgentVersion: '',
      Protocols: null,
    }
  }
  const { swarm } = await node.network(options)
  const found = await swarm.identify(peer, options)
  const suffix = `/p2p/${peer}`
  const addresses = found.addresses.map(address => (address.endsWith(suffix) ? address : `${address}${suffix}`))
  return {
    multihash,
    PublicKey: found.publicKey,
    Addresses: listOrNull(addresses.length === 0 ? [suffix] : addresses),
    AgentVersion: found.agentVersion,
    Protocols: listOrNull([...found.protocols]),
  }
}

/** Returns the public key that a short peer id is made of; empty for one that is a hash. */
function keyWithin(multihash: Uint8Array): string {
  return multihash[0] === IDENTITY ? Buffer.from(multihash.subarray(2)).toString('base64') : ''
}

/** Sorts; a list without entries is null, as in Go. */
function listOrNull(list: string[]): string[] | null {
  return list.length === 0 ? null : list.sort()
}
