import { defineCommand } from '../../contract/command.ts'
import { argument } from '../../contract/params.ts'

export const blockStat = defineCommand({
  path: 'block stat',
  summary: 'Show the CID and the size of a raw block',
  examples: [{ line: 'tsipfs block stat bafy…', explains: 'Show how large a block is.' }],
  needs: 'repo',
  output: 'value',
  worksWithoutRepo: true,
  result: { Key: 'cid', Size: 'int: bytes' },
  params: { cid: argument('cid', 'The block, or a path to it', { stdin: true, complete: 'cid' }) },
  async *run(input, { node, globals, signal }) {
    const [{ resolvePath }, { formatCid }] = await Promise.all([
      import('../../node/path.ts'),
      import('../../node/cid.ts'),
    ])
    const { cid } = await resolvePath(node, input.cid, { signal })
    const known = await node.blocks.stat(cid, { signal })
    const size = known?.size ?? (await node.blocks.get(cid, { signal })).length
    yield { Key: formatCid(cid, globals), Size: size }
  },
  async render(outputs, { out }) {
    for await (const { Key, Size } of outputs) await out.write(`Key: ${Key}\nSize: ${Size}\n`)
  },
})
