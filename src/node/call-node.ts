import { Failure } from '../contract/failure.ts'
import type { Globals } from '../contract/globals.ts'
import type { Blocks } from '../repo/roles.ts'
import { type Exchange, type FetchState, withExchange, withoutExchange } from './exchange.ts'
import type { NetworkOptions, Node } from './node.ts'

/**
 * Returns a node as one call in a daemon sees it: the shared one, with the call's own globals and a fetch of its own.
 * Offline, it reads what is in the repo and has no network. Closing it ends its fetch.
 */
export function nodeForCall(node: Node, globals: Globals, onFetch?: (state: FetchState) => void): Node {
  return new CallNode(node, globals, onFetch)
}

class CallNode implements Node {
  readonly repo: Node['repo']
  readonly globals: Globals
  readonly daemon: Node['daemon']
  readonly blocks: Blocks
  readonly #node: Node
  readonly #onFetch: ((state: FetchState) => void) | undefined
  #exchange: Exchange | undefined

  constructor(node: Node, globals: Globals, onFetch: ((state: FetchState) => void) | undefined) {
    this.#node = node
    this.#onFetch = onFetch
    this.repo = node.repo
    this.globals = globals
    this.daemon = node.daemon
    const { blocks } = node.repo
    if (node.globals.offline) this.blocks = withoutExchange(blocks, 'the daemon runs with --offline')
    else if (globals.offline) this.blocks = withoutExchange(blocks, 'leave out --offline to ask the network')
    else this.blocks = withExchange(blocks, () => this.#openExchange(), node.repo.config)
  }

  async network(options?: NetworkOptions): ReturnType<Node['network']> {
    if (this.globals.offline) {
      throw new Failure('failed', 'this action must be run in online mode', { hint: 'leave out --offline' })
    }
    const network = await this.#node.network(options)
    network.identifyPeers()
    return network
  }

  async #openExchange(): Promise<Exchange> {
    const { termsOf } = await import('./open-exchange.ts')
    const terms = termsOf(this, await this.repo.config.read())
    const network = await this.#node.network()
    this.#exchange = network.openExchange({ ...terms, onState: this.#onFetch })
    return this.#exchange
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#exchange?.[Symbol.asyncDispose]()
  }
}
