import { defineCommand } from '../../contract/command.ts'
import { argument, flag } from '../../contract/params.ts'
import { flushOption, formatOptions } from './_shared.ts'

export const filesMkdir = defineCommand({
  path: 'files mkdir',
  summary: 'Make directories',
  description:
    'Makes a folder in MFS. Its CID is made as Import.CidVersion and Import.HashFunction say, unless told otherwise.',
  examples: [
    { line: 'tsipfs files mkdir /test', explains: 'Make one folder.' },
    { line: 'tsipfs files mkdir -p /test/does/not/exist/yet', explains: 'Make it with all folders above it.' },
  ],
  needs: 'repo',
  output: 'nothing',
  createsRepo: true,
  writes: true,
  params: {
    path: argument('path', 'The folder to make', { complete: 'mfs' }),
    parents: flag('No error if it is there; make parent folders as needed', { short: 'p' }),
    ...formatOptions,
    ...flushOption,
  },
  async *run(input, { node, signal }) {
    const [{ changeMfs }, { makeDirectory }, { cleanMfsPath }, { cidFormat }] = await Promise.all([
      import('../../node/mfs/change.ts'),
      import('../../node/mfs/operations.ts'),
      import('../../node/mfs/path.ts'),
      import('../../node/mfs/settings.ts'),
    ])
    const path = cleanMfsPath(input.path)
    const format = cidFormat(input.cidVersion, input.hash)
    await changeMfs(node, tree => makeDirectory(tree, path, { parents: input.parents, format }), { signal })
  },
})
