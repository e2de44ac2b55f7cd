import { Failure } from '../../contract/failure.ts'
import type { Forwarding } from './network.ts'
import type { Part, PartContext } from './parts.ts'

/** Returns TCP connections over streams of libp2p. */
export function createForwarding(_context: PartContext): Part<Forwarding> {
  const refuse = (): never => {
    throw new Failure('failed', 'this build does not forward yet')
  }
  return {
    listen: refuse,
    forward: refuse,
    listeners: () => [],
    closeListeners: async () => 0,
    streams: () => [],
    closeStreams: () => undefined,
  }
}
