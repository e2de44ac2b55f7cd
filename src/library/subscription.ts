import type { Pubsub, PubsubMessage } from '../node/network/network.ts'
import type { Message } from './api.ts'

/** Subscribes to a topic. Resolves when that is done; what it returns ends the subscription when its loop is left. */
export async function subscribeTo(pubsub: Pubsub, topic: string, signal: AbortSignal): Promise<AsyncIterable<Message>> {
  const stop = new AbortController()
  const subscribed = Promise.withResolvers<void>()
  const messages = pubsub
    .subscribe(new TextEncoder().encode(topic), {
      signal: AbortSignal.any([signal, stop.signal]),
      onSubscribed: subscribed.resolve,
    })
    [Symbol.asyncIterator]()
  // Asking for the first message is what subscribes.
  const first = messages.next()
  first.catch(() => undefined)
  await Promise.race([subscribed.promise, first])
  return follow(first, messages, topic, stop, signal)
}

async function* follow(
  first: Promise<IteratorResult<PubsubMessage>>,
  messages: AsyncIterator<PubsubMessage>,
  topic: string,
  stop: AbortController,
  signal: AbortSignal,
): AsyncGenerator<Message> {
  try {
    for (let next = await first; next.done !== true; next = await messages.next()) {
      yield { topic, from: next.value.from, data: next.value.data }
    }
  } catch (error) {
    // The caller's signal, or the end of the node, is how a subscription ends.
    if (!signal.aborted) throw error
  } finally {
    stop.abort()
    await messages.return?.()
  }
}
