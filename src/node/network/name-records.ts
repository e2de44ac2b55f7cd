import { Failure } from '../../contract/failure.ts'
import type { NameRecords, Pubsub, Routing } from './network.ts'
import type { Part, PartContext } from './parts.ts'

/** Returns IPNS records over routing and pubsub. */
export async function createNameRecords(
  _context: PartContext,
  _roles: { routing: Routing; pubsub: Pubsub },
): Promise<Part<NameRecords>> {
  const refuse = (): never => {
    throw new Failure('failed', 'this build has no names on the network yet')
  }
  return { put: refuse, get: refuse, pubsub: { enabled: false, subscriptions: () => [], cancel: () => false } }
}
