import { Failure } from '../../contract/failure.ts'
import type { Providing, Routing } from './network.ts'
import type { Part, PartContext } from './parts.ts'

/** Returns what tells others, through routing, what this node has. */
export async function createProviding(_context: PartContext, _routing: Routing): Promise<Part<Providing>> {
  const refuse = (): never => {
    throw new Failure('failed', 'this build does not provide yet')
  }
  return { stat: refuse, clear: refuse, reprovide: refuse }
}
