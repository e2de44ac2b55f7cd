import { defineCommand } from '../../contract/command.ts'
import { optionalArgument } from '../../contract/params.ts'
import { renderHash } from './_shared.ts'

export const objectNew = defineCommand({
  path: 'object new',
  summary: 'Make an empty object',
  description: 'The object is empty, or with unixfs-dir an empty folder.',
  examples: [{ line: 'tsipfs object new unixfs-dir', explains: 'Make an empty folder.' }],
  needs: 'repo',
  createsRepo: true,
  writes: true,
  output: 'value',
  result: { Hash: 'cid' },
  deprecated: true,
  params: { template: optionalArgument('template', 'What it is made from: unixfs-dir') },
  async *run(input, { node, globals, signal }) {
    const [{ storeObject, templateNode }, { formatCid }] = await Promise.all([
      import('../../node/objects.ts'),
      import('../../node/cid.ts'),
    ])
    const { cid } = await storeObject(node.blocks, templateNode(input.template), undefined, { signal })
    await node.blocks.flush({ signal })
    yield { Hash: formatCid(cid, globals) }
  },
  render: renderHash,
})
