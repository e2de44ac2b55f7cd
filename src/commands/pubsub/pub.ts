import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { argument, files, flag, int } from '../../contract/params.ts'
import { nameToBytes } from '../../contract/surrogate-escape.ts'

export const pubsubPub = defineCommand({
  path: 'pubsub pub',
  summary: 'Publish a message to a topic',
  description:
    'Publishes a file, or all of standard input, as one message; with --lines each line is one, published as it ' +
    'comes and no faster than peers take them. A message of more than 1 MiB, with its signature, is refused. A daemon ' +
    'publishes whether anyone listens or not, unless --min-peers says otherwise. Without a daemon this process takes ' +
    'part in pubsub itself, through the peers that --peer, Peering.Peers and Bootstrap name, and at least one of them ' +
    'must be subscribed.',
  examples: [
    { line: 'echo hello | tsipfs pubsub pub news', explains: 'Publish one message.' },
    { line: 'tail -f log | tsipfs pubsub pub --lines --min-peers=1 log', explains: 'Publish lines as they come.' },
  ],
  needs: 'network',
  createsRepo: true,
  output: 'nothing',
  experimental: true,
  params: {
    topic: argument('topic', 'Topic to publish to', { wire: 'multibase', complete: 'topic' }),
    data: files('data', 'The data to be published', { many: false }),
    lines: flag('Publish each line as a message, without its newline', { short: 'l' }),
    minPeers: int('Wait, for --lookup-timeout, until so many peers are subscribed; fail (5) if they are not', {
      min: 0,
      placeholder: 'N',
    }),
  },
  async *run(input, { node, source, globals, signal }) {
    const { messagesOf } = await import('../../node/network/message-source.ts')
    const topic = nameToBytes(input.topic)
    const network = await node.network({ signal })
    const isEphemeral = network.identity === 'ephemeral'
    const peersMin = input.minPeers ?? (isEphemeral ? 1 : 0)
    if (isEphemeral || peersMin > 0) {
      const { awaitPeers, awaitSubscribers } = await import('../../node/network/await-peers.ts')
      if (isEphemeral) await awaitPeers(network, globals, signal)
      await awaitSubscribers(network, topic, peersMin, globals, signal)
    }
    for await (const data of messagesOf(source, input.lines)) {
      const { recipients } = await network.pubsub.publish(topic, data, { signal })
      if (recipients < peersMin) {
        throw new Failure('network', `the message reached ${recipients} of at least ${peersMin} peers`)
      }
    }
    yield* []
  },
})
