import { defineCommand } from '../../contract/command.ts'
import { maybe } from '../../contract/shape.ts'

export const pubsubLs = defineCommand({
  path: 'pubsub ls',
  summary: 'List the topics that the daemon is subscribed to',
  needs: 'daemon',
  output: 'value',
  experimental: true,
  result: { Strings: maybe(['text']) },
  items: { at: 'Strings', name: 'Topic' },
  params: {},
  async *run(_input, { node, signal }) {
    const { toMultibase } = await import('../_pubsub.ts')
    const { pubsub } = await node.network({ signal })
    yield { Strings: pubsub.topics().map(toMultibase) }
  },
  async render(outputs, { out, lineEnd }) {
    const [{ fromMultibase }, { nameText }, { nameFromBytes }] = await Promise.all([
      import('../_pubsub.ts'),
      import('../_escape.ts'),
      import('../../contract/surrogate-escape.ts'),
    ])
    const named = nameText(lineEnd)
    for await (const { Strings } of outputs) {
      for (const topic of Strings ?? []) await out.write(`${named(nameFromBytes(fromMultibase(topic)))}\n`)
    }
  },
})
