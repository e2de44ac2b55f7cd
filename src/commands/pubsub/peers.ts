import { defineCommand } from '../../contract/command.ts'
import { optionalArgument } from '../../contract/params.ts'
import { maybe } from '../../contract/shape.ts'
import { renderStrings } from '../_strings.ts'

export const pubsubPeers = defineCommand({
  path: 'pubsub peers',
  summary: 'List peers that speak pubsub',
  description: 'With a topic, those connected peers that are subscribed to it.',
  needs: 'daemon',
  output: 'value',
  experimental: true,
  result: { Strings: maybe(['text']) },
  items: { at: 'Strings', name: 'Peer' },
  params: { topic: optionalArgument('topic', 'Topic to list the peers of', { wire: 'multibase', complete: 'topic' }) },
  async *run(input, { node, signal }) {
    const { nameToBytes } = await import('../../contract/surrogate-escape.ts')
    const { pubsub } = await node.network({ signal })
    // An empty topic is none, as in Kubo.
    yield { Strings: pubsub.peers((input.topic ?? '') === '' ? undefined : nameToBytes(input.topic ?? '')) }
  },
  render: renderStrings,
})
