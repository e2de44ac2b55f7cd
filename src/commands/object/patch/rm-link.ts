import { defineCommand } from '../../../contract/command.ts'
import { argument } from '../../../contract/params.ts'
import { allowBigBlock, allowNonUnixfs, blockBytesMax, renderHash } from '../_shared.ts'

export const objectPatchRmLink = defineCommand({
  path: 'object patch rm-link',
  summary: 'Remove a link from an object (deprecated: use files rm)',
  description: 'Prints the CID of the new object.',
  examples: [{ line: 'tsipfs object patch rm-link bafy… a/b', explains: 'Take a file out of a folder.' }],
  needs: 'repo',
  writes: true,
  output: 'value',
  result: { Hash: 'cid' },
  deprecated: true,
  params: {
    root: argument('root', 'The object to begin with', { complete: 'cid' }),
    name: argument('name', 'The name of the link, or a path'),
    allowNonUnixfs,
    allowBigBlock,
  },
  async *run(input, { node, globals, signal }) {
    const [{ ObjectEdit, readObject, refuseOtherUnixfs }, { formatCid }] = await Promise.all([
      import('../../../node/objects.ts'),
      import('../../../node/cid.ts'),
    ])
    const root = await readObject(node, input.root, { signal })
    if (!input.allowNonUnixfs) refuseOtherUnixfs(root, 'remove')
    const edit = new ObjectEdit(node.blocks, { signal, bytesMax: blockBytesMax(input) })
    const { cid } = await edit.remove(root, input.name)
    await node.blocks.flush({ signal })
    yield { Hash: formatCid(cid, globals) }
  },
  render: renderHash,
})
