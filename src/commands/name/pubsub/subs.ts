import { defineCommand } from '../../../contract/command.ts'
import { text } from '../../../contract/params.ts'

export const namePubsubSubs = defineCommand({
  path: 'name pubsub subs',
  summary: 'List the names that are followed over pubsub',
  description: 'Lists names whose records the daemon is told of: those that were resolved or published since it began.',
  examples: [{ line: 'tsipfs name pubsub subs', explains: 'Print the names, one a line.' }],
  needs: 'daemon',
  experimental: true,
  output: 'value',
  result: { Strings: ['text'] },
  items: { at: 'Strings', name: 'Name' },
  params: {
    ipnsBase: text('Multibase of the names: b58mh, base36 or another', { initial: 'base36', placeholder: 'base' }),
  },
  async *run(input, { node, signal }) {
    const [{ followedNames }, { formatName }] = await Promise.all([
      import('../../../node/ipns/followed-names.ts'),
      import('../../../node/ipns/name.ts'),
    ])
    const { subscriptions } = await followedNames(node, { signal })
    yield { Strings: subscriptions().map(name => `/ipns/${formatName(name, input.ipnsBase)}`) }
  },
  async render(outputs, { out }) {
    for await (const { Strings } of outputs) for (const name of Strings) await out.write(`${name}\n`)
  },
})
