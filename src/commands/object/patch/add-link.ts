import { defineCommand } from '../../../contract/command.ts'
import { argument, flag } from '../../../contract/params.ts'
import { allowBigBlock, allowNonUnixfs, blockBytesMax, renderHash } from '../_shared.ts'

export const objectPatchAddLink = defineCommand({
  path: 'object patch add-link',
  summary: 'Add a link to an object (deprecated: use files cp)',
  description: 'Prints the CID of the new object. A link of the same name is replaced.',
  examples: [{ line: 'tsipfs object patch add-link bafy… a/b bafk… -p', explains: 'Put a file into a folder.' }],
  needs: 'repo',
  writes: true,
  output: 'value',
  result: { Hash: 'cid' },
  deprecated: true,
  params: {
    root: argument('root', 'The object to begin with', { complete: 'cid' }),
    name: argument('name', 'The name of the link, or a path'),
    ref: argument('ref', 'What the link points to', { complete: 'cid' }),
    create: flag('Make the folders on the way', { short: 'p' }),
    allowNonUnixfs,
    allowBigBlock,
  },
  async *run(input, { node, globals, signal }) {
    const [{ ObjectEdit, readChild, readObject, refuseOtherUnixfs }, { formatCid }] = await Promise.all([
      import('../../../node/objects.ts'),
      import('../../../node/cid.ts'),
    ])
    const root = await readObject(node, input.root, { signal })
    const child = await readChild(node, input.ref, { signal })
    if (!input.allowNonUnixfs) refuseOtherUnixfs(root, 'add')
    const edit = new ObjectEdit(node.blocks, { signal, bytesMax: blockBytesMax(input) })
    const { cid } = await edit.add(root, input.name, child, input.create)
    await node.blocks.flush({ signal })
    yield { Hash: formatCid(cid, globals) }
  },
  render: renderHash,
})
