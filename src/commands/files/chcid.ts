import { defineCommand } from '../../contract/command.ts'
import { argument } from '../../contract/params.ts'
import { flushOption, formatOptions } from './_shared.ts'

export const filesChcid = defineCommand({
  path: 'files chcid',
  summary: 'Change the CID version or hash function of the root node of a path',
  description:
    'Concerns the node of that folder alone, not what lies in it. The CID of the root of MFS is made as ' +
    'Import.CidVersion and Import.HashFunction say, and cannot be changed here.',
  examples: [{ line: 'tsipfs files chcid --cid-version=1 /docs', explains: 'Give a folder a CIDv1.' }],
  needs: 'repo',
  output: 'nothing',
  writes: true,
  params: {
    path: argument('path', 'Folder to change; not /', { complete: 'mfs' }),
    ...formatOptions,
    ...flushOption,
  },
  async *run(input, { node, signal }) {
    const [{ changeMfs }, { changeFormat }, { cidFormat }] = await Promise.all([
      import('../../node/mfs/change.ts'),
      import('../../node/mfs/operations.ts'),
      import('../../node/mfs/settings.ts'),
    ])
    const format = cidFormat(input.cidVersion, input.hash)
    await changeMfs(node, tree => changeFormat(tree, input.path, format), { signal })
  },
})
