import type { Globals } from '../contract/globals.ts'
import type { Blocks, Repo } from '../repo/roles.ts'
import type { Daemon } from './daemon.ts'
import type { Network } from './network/network.ts'
import type { Node } from './node.ts'

/** How a node reaches the network when a block is missing or a command asks for it. */
export interface NodeOptions {
  readonly globals: Globals
  /** `ephemeral`: a fresh identity that ends with this process. `repo`: the repo's own, for the daemon alone. */
  readonly identity?: 'ephemeral' | 'repo'
  readonly signal?: AbortSignal | undefined
  readonly daemon?: Daemon | undefined
}

/** Returns a node on a repo that is open already. Closing it stops its network, and closes the repo. */
export function openNode(repo: Repo, options: NodeOptions): Node {
  return new LocalNode(repo, options)
}

class LocalNode implements Node {
  readonly repo: Repo
  readonly globals: Globals
  readonly blocks: Blocks
  readonly daemon: Daemon | undefined
  readonly #options: NodeOptions
  #network: Promise<Network> | undefined
  readonly #closing: (() => Promise<void>)[] = []

  constructor(repo: Repo, options: NodeOptions) {
    this.repo = repo
    this.globals = options.globals
    this.daemon = options.daemon
    this.#options = options
    this.blocks = options.globals.offline ? repo.blocks : repo.blocks
  }

  network(options: { signal?: AbortSignal | undefined } = {}): Promise<Network> {
    this.#network ??= this.#startNetwork(options.signal ?? this.#options.signal)
    return this.#network
  }

  async #startNetwork(signal: AbortSignal | undefined): Promise<Network> {
    if (this.globals.offline) {
      const { Failure } = await import('../contract/failure.ts')
      throw new Failure('failed', 'the network is not to be asked', { hint: 'leave out --offline' })
    }
    const { startNetwork } = await import('./network/start.ts')
    return await startNetwork(this, {
      identity: this.#options.identity ?? 'ephemeral',
      signal,
      onWarning: text => this.daemon?.log.write('net', 'error', text),
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const network = await this.#network?.catch(() => undefined)
    await network?.[Symbol.asyncDispose]()
    for (const close of this.#closing.reverse()) await close()
    await this.repo[Symbol.asyncDispose]()
  }
}
