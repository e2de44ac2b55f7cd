import { defineCommand } from '../../contract/command.ts'
import { argument, int } from '../../contract/params.ts'
import { flushOption } from './_shared.ts'

export const filesTouch = defineCommand({
  path: 'files touch',
  summary: 'Set or change optional POSIX modification times',
  examples: [
    { line: 'tsipfs files touch /foo', explains: 'Set the time to now.' },
    { line: 'tsipfs files touch --mtime=1630937926 /foo', explains: 'Set another time.' },
  ],
  needs: 'repo',
  output: 'nothing',
  writes: true,
  experimental: true,
  params: {
    path: argument('path', 'File or folder to touch', { complete: 'mfs' }),
    mtime: int('Seconds since 1970, or before it; 0 or nothing: now'),
    mtimeNsecs: int('Nanoseconds that are added to it', { min: 0 }),
    ...flushOption,
  },
  async *run(input, { node, signal }) {
    const [{ changeMfs }, { changeTime }, { cleanMfsPath }, { timeOf }] = await Promise.all([
      import('../../node/mfs/change.ts'),
      import('../../node/mfs/operations.ts'),
      import('../../node/mfs/path.ts'),
      import('../../node/mfs/time.ts'),
    ])
    const path = cleanMfsPath(input.path)
    const time = timeOf(input.mtime, input.mtimeNsecs)
    await changeMfs(node, tree => changeTime(tree, node.blocks, path, time), { signal })
  },
})
