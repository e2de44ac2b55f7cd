import { defineCommand } from '../../contract/command.ts'
import { argument, flag } from '../../contract/params.ts'
import { escapeName } from '../_escape.ts'
import { ipnsBase } from './_list.ts'

export const keyRename = defineCommand({
  path: 'key rename',
  summary: 'Rename a key',
  examples: [{ line: 'tsipfs key rename my-site blog', explains: 'Give the key another name.' }],
  needs: 'repo',
  writes: true,
  output: 'value',
  result: { Was: 'text', Now: 'text', Id: 'text', Overwrite: 'flag' },
  params: {
    name: argument('name', 'The key to rename', { complete: 'key' }),
    newName: argument('newName', 'Its new name'),
    force: flag('Overwrite a key that has the new name', { short: 'f' }),
    ipnsBase,
  },
  async *run(input, { node }) {
    const [{ renameKey }, { checkPeerIdBase }] = await Promise.all([
      import('../../node/named-keys.ts'),
      import('../../node/peer-id.ts'),
    ])
    checkPeerIdBase(input.ipnsBase)
    yield await renameKey(node.repo, input.name, input.newName, { force: input.force, base: input.ipnsBase })
  },
  async render(outputs, { out }) {
    for await (const { Id, Now, Overwrite } of outputs) {
      await out.write(`Key ${Id} renamed to ${escapeName(Now)}${Overwrite ? ' with overwriting' : ''}\n`)
    }
  },
})
