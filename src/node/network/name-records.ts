import { Failure } from '../../contract/failure.ts'
import type { Waiting } from '../../repo/roles.ts'
import { routingKey } from '../ipns/name.ts'
import { compareRecords, type NameRecord, parseRecord } from '../ipns/record.ts'
import { republishForever, republishTimes } from '../ipns/republisher.ts'
import type { NameRecords, Pubsub, Routing } from './network.ts'
import type { Part, PartContext } from './parts.ts'

/** Returns IPNS records over routing and pubsub. In a daemon, what its keys have published is published again. */
export async function createNameRecords(
  context: PartContext,
  { routing }: { routing: Routing; pubsub: Pubsub },
): Promise<Part<NameRecords>> {
  const names = new RoutedNames(routing)
  if (context.identity === 'repo' && !context.node.repo.readOnly) {
    // A config that cannot be is a failure now, not a line in a log.
    republishTimes(context.config)
    const log = (text: string): void => context.log('ipns-repub', 'error', text)
    void republishForever({
      repo: context.node.repo,
      put: (name, record, options) => names.put(name, record, options),
      log,
      signal: context.signal,
    }).catch(error => log(error instanceof Error ? error.message : String(error)))
  }
  return names
}

class RoutedNames implements NameRecords {
  readonly pubsub = { enabled: false, subscriptions: (): string[] => [], cancel: (): boolean => false }
  readonly #routing: Routing

  constructor(routing: Routing) {
    this.#routing = routing
  }

  async put(name: Uint8Array, record: Uint8Array, options: Waiting = {}): Promise<void> {
    await this.#routing.putValue(routingKey(name), record, options)
  }

  async *get(name: Uint8Array, options: Waiting & { recordsMax?: number } = {}): AsyncIterable<Uint8Array> {
    let best: NameRecord | undefined
    const { signal, recordsMax } = options
    for await (const bytes of this.#routing.searchValue(routingKey(name), { signal, countMax: recordsMax })) {
      let record: NameRecord
      try {
        record = parseRecord(bytes)
      } catch (error) {
        if (error instanceof Failure) continue
        throw error
      }
      if (best !== undefined && compareRecords(record, best) <= 0) continue
      best = record
      yield bytes
    }
  }
}
