import { Failure } from '../../contract/failure.ts'
import type { Waiting } from '../../repo/roles.ts'
import { routingKey } from '../ipns/name.ts'
import { checkRecord, compareRecords, type NameRecord, parseRecord } from '../ipns/record.ts'
import { republishForever, republishTimes } from '../ipns/republisher.ts'
import { NamePubsub } from './name-pubsub.ts'
import type { NameRecords, Pubsub, Routing } from './network.ts'
import type { Part, PartContext } from './parts.ts'
import { flagAt } from './settings.ts'

/** Returns IPNS records over routing and pubsub. In a daemon, what its keys have published is published again. */
export async function createNameRecords(
  context: PartContext,
  { routing, pubsub }: { routing: Routing; pubsub: Pubsub },
): Promise<Part<NameRecords>> {
  const isFollowing = context.identity === 'repo' && flagAt(context.config, 'Ipns.UsePubsub', false)
  const topics = isFollowing ? new NamePubsub(context, pubsub) : undefined
  await topics?.start()
  const names = new RoutedNames(routing, topics)
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
  readonly #routing: Routing
  readonly #topics: NamePubsub | undefined

  constructor(routing: Routing, topics: NamePubsub | undefined) {
    this.#routing = routing
    this.#topics = topics
  }

  get pubsub(): NameRecords['pubsub'] {
    const topics = this.#topics
    return {
      enabled: topics !== undefined,
      subscriptions: () => topics?.subscriptions() ?? [],
      cancel: name => topics?.cancel(name) ?? false,
    }
  }

  async put(name: Uint8Array, record: Uint8Array, options: Waiting = {}): Promise<void> {
    const told = this.#topics?.publish(name, record) ?? Promise.resolve(0)
    const [put, heard] = await Promise.allSettled([this.#routing.putValue(routingKey(name), record, options), told])
    options.signal?.throwIfAborted()
    if (put.status === 'rejected' && !(heard.status === 'fulfilled' && heard.value > 0)) throw put.reason
  }

  async *get(name: Uint8Array, options: Waiting & { recordsMax?: number } = {}): AsyncIterable<Uint8Array> {
    await this.#topics?.follow(name)
    const heard = this.#topics?.newest(name)
    if (heard !== undefined && (await isValid(name, heard))) {
      yield heard
      return
    }
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#topics?.[Symbol.asyncDispose]()
  }
}

/** Returns false for a record that has expired since it was heard of. */
async function isValid(name: Uint8Array, bytes: Uint8Array): Promise<boolean> {
  try {
    await checkRecord(parseRecord(bytes), name)
    return true
  } catch (error) {
    if (error instanceof Failure) return false
    throw error
  }
}
