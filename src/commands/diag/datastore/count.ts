import { defineCommand } from '../../../contract/command.ts'
import { argument } from '../../../contract/params.ts'

export const diagDatastoreCount = defineCommand({
  path: 'diag datastore count',
  summary: 'Count the keys below a prefix',
  description: 'For debugging only.',
  examples: [{ line: 'tsipfs diag datastore count /blocks', explains: 'Count the blocks.' }],
  needs: 'repo',
  localOnly: true,
  experimental: true,
  output: 'value',
  result: { prefix: 'text', count: 'int' },
  params: { prefix: argument('prefix', 'The prefix, like /local/') },
  async *run(input, { node, signal }) {
    const { countKeys } = await import('../../../node/datastore-view.ts')
    yield { prefix: input.prefix, count: await countKeys(node.repo, input.prefix, { signal }) }
  },
  async render(outputs, { out }) {
    for await (const { count } of outputs) await out.write(`${count}\n`)
  },
})
