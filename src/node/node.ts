import type { CID } from 'multiformats/cid'
import type { Command, Output } from '../contract/command.ts'
import type { Globals } from '../contract/globals.ts'
import type { Input, Params } from '../contract/params.ts'
import type { Blocks, Repo, Waiting } from '../repo/roles.ts'
import type { Daemon } from './daemon.ts'
import type { Network } from './network/network.ts'

/** Returns the path that a name points to, a single step far; undefined when there is nobody to ask. Throws `not-found`. */
export type AskName = (name: string, options: AskNameOptions) => Promise<string | undefined>

export interface AskNameOptions extends Waiting {
  readonly nocache?: boolean | undefined
  readonly recordsMax?: number | undefined
  readonly collectMs?: number | undefined
}

/** Has the daemon on this repo publish under a key; returns the name, undefined when there is no daemon. */
export type PublishByDaemon = (key: string, target: string, options: Waiting) => Promise<string | undefined>

/** Has the daemon on this repo announce blocks, and waits until peers have taken the records; false: there is no daemon. */
export type ProvideByDaemon = (cids: readonly CID[], options: Waiting) => Promise<boolean>

/** Runs a command in the daemon on this repo, with the globals of this call; undefined: there is no daemon. */
export type InDaemon = <P extends Params, O extends Output>(
  command: Command<P, O>,
  input: Input<P>,
  options: Waiting,
) => Promise<AsyncIterable<O> | undefined>

/** Options of `Node.network`. */
export interface NetworkOptions extends Waiting {
  /**
   * A node that is gone with the command listens for others too, and gives them the blocks that this returns true for.
   * The daemon listens anyway, and gives what it has. Only the first call decides.
   */
  readonly serves?: ((cid: CID) => boolean) | undefined
}

/** A node on one repo. Opening it starts no network. */
export interface Node extends AsyncDisposable {
  readonly repo: Repo
  /**
   * The blocks of the repo and, when one is missing and `globals.offline` is not set, of the exchange: the daemon on
   * this repo, else an ephemeral node in this process. What the exchange brought is checked and stored in the repo.
   */
  readonly blocks: Blocks
  readonly globals: Globals
  /** The daemon that this node belongs to; undefined in a command that runs by itself. */
  readonly daemon?: Daemon | undefined
  /** Asks the daemon on this repo, where this node is not it, what a name points to; undefined when there is none. */
  readonly askName?: AskName | undefined
  /** As `askName`: the daemon has the network, and the peers. */
  readonly publishByDaemon?: PublishByDaemon | undefined
  readonly provideByDaemon?: ProvideByDaemon | undefined
  readonly inDaemon?: InDaemon | undefined
  /** The first call loads and starts libp2p; later calls share it. Throws `failed` with --offline. */
  network(options?: NetworkOptions): Promise<Network>
}
