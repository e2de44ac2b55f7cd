import type { Globals } from '../contract/globals.ts'
import type { Blocks, Repo } from '../repo/roles.ts'
import type { Daemon } from './daemon.ts'
import { type Exchange, type FetchState, withExchange, withoutExchange } from './exchange.ts'
import type { Network } from './network/network.ts'
import type { AskName, InDaemon, NetworkOptions, Node, ProvideByDaemon, PublishByDaemon } from './node.ts'
import type { AskDaemon } from './open-exchange.ts'

/** How a node reaches the network when a block is missing or a command asks for it. */
export interface NodeOptions {
  readonly globals: Globals
  /** `ephemeral`: a fresh identity that ends with this process. `repo`: the repo's own, for the daemon alone. */
  readonly identity?: 'ephemeral' | 'repo'
  readonly signal?: AbortSignal | undefined
  /** A network that was started is ready at once: nobody waits to say so. */
  readonly settles?: boolean | undefined
  readonly daemon?: Daemon | undefined
  /** Reaches the daemon on this repo, when there may be one. */
  readonly askDaemon?: AskDaemon | undefined
  /** Asks the daemon on this repo for names, when there may be one. */
  readonly askName?: AskName | undefined
  readonly publishByDaemon?: PublishByDaemon | undefined
  readonly provideByDaemon?: ProvideByDaemon | undefined
  readonly inDaemon?: InDaemon | undefined
  /** Is told, a few times a second, how far a fetch is. */
  readonly onFetch?: ((state: FetchState) => void) | undefined
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
  readonly askName: AskName | undefined
  readonly publishByDaemon: PublishByDaemon | undefined
  readonly provideByDaemon: ProvideByDaemon | undefined
  readonly inDaemon: InDaemon | undefined
  readonly #options: NodeOptions
  #network: Promise<Network> | undefined
  #exchange: Exchange | undefined

  constructor(repo: Repo, options: NodeOptions) {
    this.repo = repo
    this.globals = options.globals
    this.daemon = options.daemon
    this.askName = options.askName
    this.publishByDaemon = options.publishByDaemon
    this.provideByDaemon = options.provideByDaemon
    this.inDaemon = options.inDaemon
    this.#options = options
    this.blocks = options.globals.offline
      ? withoutExchange(repo.blocks, 'leave out --offline to ask the network')
      : withExchange(repo.blocks, () => this.#openExchange(), repo.config)
  }

  network(options: NetworkOptions = {}): Promise<Network> {
    this.#network ??= this.#startNetwork({ ...options, signal: options.signal ?? this.#options.signal })
    return this.#network
  }

  async #startNetwork({ signal, serves }: NetworkOptions): Promise<Network> {
    if (this.globals.offline) {
      const { Failure } = await import('../contract/failure.ts')
      throw new Failure('failed', 'this action must be run in online mode', { hint: 'leave out --offline' })
    }
    const { startNetwork } = await import('./network/start.ts')
    const network = await startNetwork(this, {
      identity: this.#options.identity ?? 'ephemeral',
      signal,
      serves,
      onWarning: text => this.daemon?.log.write('net', 'error', text),
    })
    if (this.#options.settles === true) network.settle()
    return network
  }

  async #openExchange(): Promise<Exchange> {
    const [{ CommandExchange }, { openOwnExchange, termsOf }] = await Promise.all([
      import('./command-exchange.ts'),
      import('./open-exchange.ts'),
    ])
    const { askDaemon, onFetch } = this.#options
    const config = await this.repo.config.read()
    const terms = termsOf(this, config)
    this.#exchange = new CommandExchange(async () => {
      const network = (): Promise<Network> => this.network()
      const daemon = await askDaemon?.(terms, onFetch)
      return daemon ?? (await openOwnExchange(this, config, terms, { network, onState: onFetch }))
    })
    return this.#exchange
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#exchange?.[Symbol.asyncDispose]()
    const network = await this.#network?.catch(() => undefined)
    await network?.[Symbol.asyncDispose]()
    // A reader has not flushed what it fetched on the way.
    if (this.#exchange !== undefined && !this.repo.readOnly) await this.repo.blocks.flush()
    await this.repo[Symbol.asyncDispose]()
  }
}
