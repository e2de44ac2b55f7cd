import { Failure } from '../../contract/failure.ts'
import type { Waiting } from '../../repo/roles.ts'
import type { NameRecords } from '../network/network.ts'
import type { Node } from '../node.ts'

/** Returns the names that are followed over pubsub. Throws `failed`, in Kubo's words, when that is off. */
export async function followedNames(node: Pick<Node, 'network'>, options: Waiting): Promise<NameRecords['pubsub']> {
  const { naming } = await node.network(options)
  if (naming.pubsub.enabled) return naming.pubsub
  throw new Failure('failed', 'IPNS pubsub subsystem is not enabled', {
    badRequest: true,
    hint: 'tsipfs config --json Ipns.UsePubsub true, then start the daemon anew',
  })
}
