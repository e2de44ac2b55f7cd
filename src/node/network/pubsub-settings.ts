import { Failure } from '../../contract/failure.ts'
import type { Config } from '../../repo/roles.ts'
import { durationAt, flagAt, textAt } from './settings.ts'

const SEEN_MS = 120_000

/** What the config says of pubsub. */
export interface PubsubSettings {
  readonly isEnabled: boolean
  readonly router: 'gossipsub' | 'floodsub'
  /** How long a message is remembered, so that it is not taken twice. */
  readonly seenMs: number
}

/** Returns the settings of a config. Throws `usage` Failures for what is refused. */
export function pubsubSettings(config: Config): PubsubSettings {
  if (flagAt(config, 'Pubsub.DisableSigning', false)) {
    throw new Failure('usage', 'Pubsub.DisableSigning is refused: anyone could speak in the name of others', {
      hint: 'tsipfs config --json Pubsub.DisableSigning false',
    })
  }
  const router = textAt(config, 'Pubsub.Router') ?? 'gossipsub'
  if (router !== 'gossipsub' && router !== 'floodsub') {
    throw new Failure('usage', `unknown pubsub router ${router}`, {
      hint: 'set Pubsub.Router to gossipsub or floodsub',
    })
  }
  return {
    // IPNS over pubsub needs it.
    isEnabled: flagAt(config, 'Pubsub.Enabled', true) || flagAt(config, 'Ipns.UsePubsub', false),
    router,
    seenMs: Math.max(1_000, durationAt(config, 'Pubsub.SeenMessagesTTL', SEEN_MS)),
  }
}
