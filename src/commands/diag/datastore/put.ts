import { defineCommand } from '../../../contract/command.ts'
import { argument } from '../../../contract/params.ts'

export const diagDatastorePut = defineCommand({
  path: 'diag datastore put',
  summary: 'Store a text at a key',
  description: 'For debugging only.',
  examples: [{ line: 'tsipfs diag datastore put /test/key hello', explains: 'Store a text.' }],
  needs: 'repo',
  localOnly: true,
  experimental: true,
  writes: true,
  output: 'nothing',
  params: {
    key: argument('key', 'The key to write, like /test/key'),
    value: argument('value', 'The text to store'),
  },
  async *run(input, { node }): AsyncIterable<never> {
    yield* []
    const [{ writeKey }, { nameToBytes }] = await Promise.all([
      import('../../../node/datastore-view.ts'),
      import('../../../contract/surrogate-escape.ts'),
    ])
    await writeKey(node.repo, input.key, nameToBytes(input.value))
  },
})
