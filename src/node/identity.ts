import { Failure } from '../contract/failure.ts'
import { AGENT } from '../contract/version.ts'
import { marshalPublicKey, type PrivateKey, peerIdBytes, unmarshalPrivateKey } from '../repo/keys.ts'
import type { ConfigStore, Waiting } from '../repo/roles.ts'
import type { Node } from './node.ts'
import { formatPeerId } from './peer-id.ts'

/** What a node says about itself, with Kubo's names; null where it is not on the network. */
export interface Identified {
  readonly multihash: Uint8Array
  readonly PublicKey: string
  readonly Addresses: readonly string[] | null
  readonly AgentVersion: string
  readonly Protocols: readonly string[] | null
}

/** Returns the private key of the repo's identity. Throws a Failure when the config holds none. */
export async function ownKey(config: Pick<ConfigStore, 'get'>): Promise<PrivateKey> {
  const text = await config.get('Identity.PrivKey')
  if (typeof text !== 'string' || text === '') {
    throw new Failure('failed', 'the config holds no Identity.PrivKey', { hint: 'make a repo with: tsipfs init' })
  }
  return await unmarshalPrivateKey(Uint8Array.from(Buffer.from(text, 'base64')))
}

/** Returns what the repo's own node is; on the network only when it is the daemon's. */
export async function ownIdentity(node: Node, options: Waiting = {}): Promise<Identified> {
  const { publicKey } = await ownKey(node.repo.config)
  const multihash = peerIdBytes(publicKey)
  const known = { multihash, PublicKey: Buffer.from(marshalPublicKey(publicKey)).toString('base64') }
  if (node.daemon === undefined || node.globals.offline) {
    return { ...known, Addresses: null, AgentVersion: AGENT, Protocols: null }
  }
  const network = await node.network(options)
  const suffix = `/p2p/${formatPeerId(multihash, undefined)}`
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
  const peer = formatPeerId(multihash, undefined)
  if (node.globals.offline) {
    return { multihash, PublicKey: '', Addresses: [`/p2p/${peer}`], AgentVersion: '', Protocols: null }
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

/** Sorts; a list without entries is null, as in Go. */
function listOrNull(list: string[]): string[] | null {
  return list.length === 0 ? null : list.sort()
}
