import type { GossipSub } from '@libp2p/gossipsub'
import type { PeerId, Startable, Stream } from '@libp2p/interface'
import type { Control, Rpc, RpcMessage } from './pubsub-wire.ts'

/** A cache that forgets by itself. */
interface TimeCache {
  readonly size: number
  has(key: string): boolean
  put(key: string): void
}

interface Sized {
  readonly size: number
}

/** What of the library's gossipsub is used, or replaced, beyond what it declares. Its version is fixed. */
export interface Inside extends GossipSub, Startable {
  readonly peers: Map<string, PeerId>
  readonly topics: Map<string, Set<string>>
  readonly streamsInbound: Map<string, { close(): Promise<void> }>
  readonly streamsOutbound: Map<string, unknown>
  readonly control: Map<string, Pick<Control, 'graft' | 'prune'>>
  readonly gossip: Map<string, Control['ihave']>
  readonly idontwants: Map<string, Map<string, number>>
  readonly mesh: Sized
  readonly fanout: Sized
  readonly backoff: Sized
  readonly seenCache: TimeCache
  readonly gossipTracer: Sized & { deliverMessage(id: string, isDuplicate?: boolean): void }
  readonly score: {
    readonly peerStats: Map<string, { readonly behaviourPenalty: number }>
    background(): void
    start(): void
  }
  readonly mcache: {
    put(id: { msgId: Uint8Array; msgIdStr: string }, message: RpcMessage, isValidated: boolean): boolean
  }
  acceptFrom(peer: string): boolean
  createInboundStream(peer: PeerId, stream: Stream): void
  handlePeerReadStreamError(error: Error, peer: PeerId): void
  handleReceivedMessage(source: PeerId, message: RpcMessage): Promise<void>
  handleReceivedRpc(peer: PeerId, rpc: Rpc): Promise<void>
  heartbeat(): Promise<void>
  runHeartbeat(): void
  removePeer(peer: PeerId): void
  piggybackControl(peer: string, rpc: Rpc, control: Pick<Control, 'graft' | 'prune'>): void
  piggybackGossip(peer: string, rpc: Rpc, ihave: Control['ihave']): void
  safeDispatchEvent(type: string, init: { readonly detail: unknown }): boolean
  selectPeersToForward(topic: string, source: string): Set<string>
  selectPeersToPublish(topic: string): { readonly tosend: Set<string> }
  sendIDontWants(id: Uint8Array, topic: string, source: string): void
  sendRpc(peer: string, rpc: Rpc): boolean
  sendRpcInBatch(peers: Set<string>, rpc: Rpc): void
}

const FUNCTIONS = [
  'acceptFrom',
  'createInboundStream',
  'handlePeerReadStreamError',
  'handleReceivedMessage',
  'handleReceivedRpc',
  'heartbeat',
  'runHeartbeat',
  'removePeer',
  'piggybackControl',
  'piggybackGossip',
  'safeDispatchEvent',
  'selectPeersToForward',
  'selectPeersToPublish',
  'sendIDontWants',
  'sendRpc',
  'sendRpcInBatch',
  'start',
  'stop',
] as const
const MAPS = [
  'peers',
  'topics',
  'streamsInbound',
  'streamsOutbound',
  'control',
  'gossip',
  'idontwants',
  'mesh',
  'fanout',
  'backoff',
] as const
const OBJECTS = {
  seenCache: ['has', 'put'],
  gossipTracer: ['deliverMessage'],
  mcache: ['put'],
  score: ['background', 'start'],
} as const

/** Returns the library's router from inside. Throws when it is not made as it is here expected to be. */
export function insideOf(router: GossipSub): Inside {
  if (!isInside(router)) throw new Error('the router of pubsub is made otherwise than expected')
  return router
}

function isInside(router: GossipSub): router is Inside {
  const hasFunctions = (target: unknown, names: readonly string[]): boolean =>
    typeof target === 'object' &&
    target !== null &&
    names.every(name => typeof Reflect.get(target, name) === 'function')
  return (
    hasFunctions(router, FUNCTIONS) &&
    MAPS.every(name => Reflect.get(router, name) instanceof Map) &&
    Object.entries(OBJECTS).every(([name, functions]) => hasFunctions(Reflect.get(router, name), functions)) &&
    Reflect.get(Reflect.get(router, 'score'), 'peerStats') instanceof Map
  )
}
