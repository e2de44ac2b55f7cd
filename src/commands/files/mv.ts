import { defineCommand } from '../../contract/command.ts'
import { argument } from '../../contract/params.ts'
import { flushOption } from './_shared.ts'

export const filesMv = defineCommand({
  path: 'files mv',
  summary: 'Move files',
  description: 'Moves a file or folder within MFS: into the target when that is a folder, over it when it is a file.',
  examples: [{ line: 'tsipfs files mv /myfs/a/b/c /myfs/foo/newc', explains: 'Move and rename a file.' }],
  needs: 'repo',
  output: 'nothing',
  writes: true,
  params: {
    source: argument('source', 'File or folder to move', { complete: 'mfs' }),
    dest: argument('dest', 'Where to', { complete: 'mfs' }),
    ...flushOption,
  },
  async *run(input, { node, signal }) {
    const [{ changeMfs }, { move }, { cleanMfsPath }] = await Promise.all([
      import('../../node/mfs/change.ts'),
      import('../../node/mfs/operations.ts'),
      import('../../node/mfs/path.ts'),
    ])
    const [source, target] = [cleanMfsPath(input.source), cleanMfsPath(input.dest)]
    await changeMfs(node, tree => move(tree, source, target), { signal })
  },
})
