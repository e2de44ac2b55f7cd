import { defineCommand } from '../../contract/command.ts'
import { argumentList } from '../../contract/params.ts'
import { listParams, renderKeys } from './_list.ts'

export const keyRm = defineCommand({
  path: 'key rm',
  summary: 'Remove keys',
  description: 'A key that is removed is gone for good, and with it the name that it stands for.',
  examples: [{ line: 'tsipfs key rm my-site', explains: 'Remove a key.' }],
  needs: 'repo',
  writes: true,
  output: 'value',
  result: { Keys: [{ Name: 'text', Id: 'text' }] },
  items: { at: 'Keys' },
  params: { name: argumentList('name', 'The keys to remove', { stdin: true, complete: 'key' }), ...listParams },
  async *run(input, { node }) {
    const [{ removeKey }, { checkPeerIdBase }] = await Promise.all([
      import('../../node/named-keys.ts'),
      import('../../node/peer-id.ts'),
    ])
    checkPeerIdBase(input.ipnsBase)
    const Keys = []
    for (const name of input.name) Keys.push(await removeKey(node.repo, name, input.ipnsBase))
    yield { Keys }
  },
  render: renderKeys,
})
