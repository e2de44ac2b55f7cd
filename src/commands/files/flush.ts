import { defineCommand } from '../../contract/command.ts'
import { optionalArgument } from '../../contract/params.ts'
import { flushOption } from './_shared.ts'

export const filesFlush = defineCommand({
  path: 'files flush',
  summary: "Flush a path's data to disk",
  description:
    'Prints the CID of what lies at a path of MFS. Every change is on disk already when its command returns.',
  examples: [{ line: 'tsipfs files flush', explains: 'Print the CID of the root.' }],
  needs: 'repo',
  output: 'value',
  writes: true,
  result: { Cid: 'cid' },
  outputs: { cid: 'Cid' },
  params: {
    path: optionalArgument('path', 'Path to flush; / when left out', { complete: 'mfs' }),
    ...flushOption,
  },
  async *run(input, { node, globals, signal }) {
    const [{ changeMfs }, { formatCid }] = await Promise.all([
      import('../../node/mfs/change.ts'),
      import('../../node/cid.ts'),
    ])
    const cid = await changeMfs(node, tree => tree.cidAt(input.path ?? '/'), { signal })
    yield { Cid: formatCid(cid, globals) }
  },
})
