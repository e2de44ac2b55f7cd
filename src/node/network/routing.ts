import { Failure } from '../../contract/failure.ts'
import type { Routing } from './network.ts'
import type { Part, PartBase, PartContext, Services } from './parts.ts'

/** Returns what routing needs of libp2p: the DHTs, unless `Routing.Type` says otherwise. */
export async function routingServices(_base: PartBase): Promise<Services> {
  return {}
}

/** Returns routing on a node that has started. */
export async function createRouting(_context: PartContext): Promise<Part<Routing>> {
  const refuse = (): never => {
    throw new Failure('failed', 'this build has no routing yet')
  }
  return {
    findProviders: refuse,
    findPeer: refuse,
    provide: refuse,
    getValue: refuse,
    putValue: refuse,
    closestPeers: refuse,
    tables: async () => [],
  }
}
