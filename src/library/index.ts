import { Failure } from '../contract/failure.ts'
import type { OpenNodeOptions, TsipfsNode } from './api.ts'

export { Failure, type FailureKind } from '../contract/failure.ts'
export type * from './api.ts'

const NODE_MAJOR_MIN = 24

/**
 * Opens a node in this process: on a repo on disk, or in memory. Whoever opens it closes it, with `await using` or by
 * `node[Symbol.asyncDispose]()`. No network is started before something asks for it.
 */
export async function openNode(options: OpenNodeOptions = {}): Promise<TsipfsNode> {
  const { node, bun } = process.versions
  if (bun === undefined && Number(node.split('.')[0]) < NODE_MAJOR_MIN) {
    throw new Failure('failed', `tsipfs needs Node ${NODE_MAJOR_MIN} or later to be embedded; this is ${node}`, {
      hint: 'the command line itself brings its own runtime',
    })
  }
  const { openEmbedded } = await import('./open-embedded.ts')
  return await openEmbedded(options)
}
