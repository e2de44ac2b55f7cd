import { Failure } from '../contract/failure.ts'
import type { Waiting } from '../repo/roles.ts'
import { parseName } from './ipns/name.ts'
import { newestRecord } from './ipns/newest-record.ts'
import type { NamingNode } from './naming.ts'
import type { Node } from './node.ts'

/** A key of routing: there are no others. */
export interface RoutingKey {
  readonly namespace: 'ipns' | 'pk'
  readonly multihash: Uint8Array
}

/** Returns the parts of a key that a user writes: `/ipns/NAME` or `/pk/PEER`. Throws `usage`. */
export function parseKey(text: string): RoutingKey {
  const [empty, namespace, name, ...more] = text.split('/')
  if (empty !== '' || (namespace !== 'ipns' && namespace !== 'pk') || name === undefined || more.length > 0) {
    throw new Failure('usage', 'invalid key', { hint: 'write it as /ipns/NAME or /pk/PEER' })
  }
  return { namespace, multihash: parseName(name) }
}

/** Returns the best value of a key: here, or of the network. Throws `not-found`. */
export async function valueOfKey(
  node: NamingNode & Pick<Node, 'network'>,
  text: string,
  options: Waiting,
): Promise<Uint8Array> {
  const { namespace, multihash } = parseKey(text)
  if (namespace === 'ipns') return (await newestRecord(node, multihash, options)).bytes
  const { routing } = await node.network(options)
  return await routing.getValue(Uint8Array.from([...new TextEncoder().encode('/pk/'), ...multihash]), options)
}
