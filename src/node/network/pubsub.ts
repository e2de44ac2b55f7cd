import { Failure } from '../../contract/failure.ts'
import type { Pubsub } from './network.ts'
import type { Part, PartBase, PartContext, Services } from './parts.ts'

/** Returns what pubsub needs of libp2p; nothing when it is off. */
export async function pubsubServices(_base: PartBase): Promise<Services> {
  return {}
}

/** Returns pubsub on a node that has started. */
export async function createPubsub(_context: PartContext): Promise<Part<Pubsub>> {
  const refuse = (): never => {
    throw new Failure('failed', 'this build has no pubsub yet')
  }
  return { subscribe: refuse, publish: refuse, topics: refuse, peers: refuse, reset: refuse }
}
