import { defineCommand } from '../../contract/command.ts'
import { argument } from '../../contract/params.ts'

export const blockGet = defineCommand({
  path: 'block get',
  summary: 'Print a raw block',
  description:
    'Writes the bytes of one block to standard output, as they are stored. A path names the block at its end.',
  examples: [{ line: 'tsipfs block get bafy… > block.bin', explains: 'Save a block.' }],
  needs: 'repo',
  output: 'bytes',
  mediaType: 'application/vnd.ipld.raw',
  worksWithoutRepo: true,
  params: { cid: argument('cid', 'The block, or a path to it', { stdin: true, complete: 'cid' }) },
  async *run(input, { node, signal }) {
    const { resolvePath } = await import('../../node/path.ts')
    const { cid } = await resolvePath(node, input.cid, { signal })
    yield await node.blocks.get(cid, { signal })
  },
})
