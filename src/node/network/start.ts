import { Failure } from '../../contract/failure.ts'
import type { Node } from '../node.ts'
import type { Network } from './network.ts'

export interface StartOptions {
  /** `repo`: the repo's identity, listening, for the daemon alone. `ephemeral`: a fresh key, a client that dials few. */
  readonly identity: 'repo' | 'ephemeral'
  /** Cuts the start short; the network that has started is stopped by disposing of it. */
  readonly signal?: AbortSignal | undefined
  /** Told what goes wrong without ending anything: an address that cannot be listened on. */
  readonly onWarning?: ((text: string) => void) | undefined
  /** `daemon --enable-pubsub-experiment=false`, config `Pubsub.Enabled`: undefined leaves it to the config. */
  readonly pubsub?: boolean | undefined
  /** `daemon --routing`: overrides `Routing.Type`. */
  readonly routing?: string | undefined
}

/** Starts libp2p for a node. It serves and fills `node.repo.blocks`. Whoever started it disposes of it. */
export async function startNetwork(_node: Pick<Node, 'repo' | 'globals'>, _options: StartOptions): Promise<Network> {
  throw new Failure('failed', 'this build has no network yet')
}
