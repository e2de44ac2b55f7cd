import { defineCommand, type View } from '../../contract/command.ts'
import { compileSoon } from '../../contract/jit.ts'
import { argument, int, text } from '../../contract/params.ts'
import type { MessageRecord } from '../_pubsub.ts'

export const pubsubSub = defineCommand({
  path: 'pubsub sub',
  summary: 'Print the messages of a topic as they arrive',
  description:
    'Prints messages until it is interrupted, --count messages have come, or --timeout has passed. As "raw" messages ' +
    'are written as they are, with nothing between them; as "lines" each is followed by a newline; as "ndjson" each is a ' +
    'line of JSON with its author, its number and its topics, and as "json" all together are a list. Without a daemon ' +
    'this process takes part in pubsub itself, through the peers that --peer, Peering.Peers and Bootstrap name.',
  examples: [
    { line: 'tsipfs pubsub sub news', explains: 'Print messages until Ctrl-C.' },
    { line: 'tsipfs pubsub sub --format=lines --count=1 --timeout=1m go', explains: 'Wait for a signal, or fail (4).' },
    { line: 'tsipfs pubsub sub --format=ndjson news | jq -r .text', explains: 'Work on messages as they come.' },
  ],
  needs: 'network',
  createsRepo: true,
  output: 'stream',
  experimental: true,
  result: { from: 'text', data: 'text: multibase', seqno: 'text: multibase', topicIDs: ['text: multibase'] },
  params: {
    topic: argument('topic', 'Name of the topic to subscribe to', { wire: 'multibase', complete: 'topic' }),
    format: text('How to print messages', {
      initial: 'raw',
      values: ['raw', 'lines', 'ndjson', 'json'],
      caller: true,
    }),
    count: int('End after so many messages', { short: 'n', min: 1, placeholder: 'N' }),
  },
  async *run(input, { node, globals, signal, answer }) {
    const [{ nameToBytes }, { toMultibase }] = await Promise.all([
      import('../../contract/surrogate-escape.ts'),
      import('../_pubsub.ts'),
    ])
    const network = await node.network({ signal })
    if (network.identity === 'ephemeral') {
      const { awaitPeers } = await import('../../node/network/await-peers.ts')
      await awaitPeers(network, globals, signal)
    }
    let left = input.count ?? Number.POSITIVE_INFINITY
    const onSubscribed = (): void => answer?.begin()
    for await (const message of network.pubsub.subscribe(nameToBytes(input.topic), { signal, onSubscribed })) {
      yield {
        from: message.from,
        data: toMultibase(message.data),
        seqno: toMultibase(message.seqno),
        topicIDs: message.topics.map(toMultibase),
      } satisfies MessageRecord
      left -= 1
      if (left <= 0) return
    }
  },
  async render(outputs, view) {
    const { input } = view
    const { fromMultibase } = await import('../_pubsub.ts')
    compileSoon()
    const messages = firstOf(outputs, input.count ?? Number.POSITIVE_INFINITY)
    if (input.format === 'json') return await renderList(messages, view)
    for await (const message of messages) {
      if (input.format === 'ndjson') await view.out.write(`${await toJson(message)}\n`)
      else if (input.format === 'lines') await view.out.write(Buffer.concat([fromMultibase(message.data), NEWLINE]))
      else await view.out.write(fromMultibase(message.data))
    }
  },
})

const NEWLINE = Buffer.from('\n')

/** Another node may not know of a limit: the caller counts too. */
async function* firstOf<T>(items: AsyncIterable<T>, count: number): AsyncGenerator<T> {
  let left = count
  for await (const item of items) {
    yield item
    left -= 1
    if (left <= 0) return
  }
}

/** The record of a message, with its text when it is one. */
async function toJson(message: MessageRecord): Promise<string> {
  const { fromMultibase } = await import('../_pubsub.ts')
  const { isUtf8 } = await import('node:buffer')
  const data = fromMultibase(message.data)
  return JSON.stringify(isUtf8(data) ? { ...message, text: data.toString() } : message)
}

async function renderList(messages: AsyncIterable<MessageRecord>, { out }: Pick<View, 'out'>): Promise<void> {
  let before = '[\n'
  try {
    for await (const message of messages) {
      await out.write(before + (await toJson(message)))
      before = ',\n'
    }
  } finally {
    await out.write(before === '[\n' ? '[]\n' : '\n]\n')
  }
}
