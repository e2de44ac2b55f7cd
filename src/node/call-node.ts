import { Failure } from '../contract/failure.ts'
import type { Globals } from '../contract/globals.ts'
import type { Node } from './node.ts'

/**
 * Returns a node as one call in a daemon sees it: the shared one, with the call's own globals. Offline, it reads what
 * is in the repo and has no network. Closing it closes nothing.
 */
export function nodeForCall(node: Node, globals: Globals): Node {
  return {
    repo: node.repo,
    blocks: globals.offline ? node.repo.blocks : node.blocks,
    globals,
    daemon: node.daemon,
    async network(options) {
      if (globals.offline)
        throw new Failure('failed', 'the network is not to be asked', { hint: 'leave out --offline' })
      return await node.network(options)
    },
    async [Symbol.asyncDispose]() {
      // The node is the daemon's.
    },
  }
}
