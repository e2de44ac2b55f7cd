import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { argument } from '../../contract/params.ts'
import { flushOption } from './_shared.ts'

export const filesChmod = defineCommand({
  path: 'files chmod',
  summary: 'Change optional POSIX permissions',
  description: 'Stores permission bits, written in octal, in a file or folder of MFS. 0 takes them away.',
  examples: [{ line: 'tsipfs files chmod 0644 /foo', explains: 'Set the permissions of a file.' }],
  needs: 'repo',
  output: 'nothing',
  writes: true,
  experimental: true,
  params: {
    mode: argument('mode', 'Permissions to set, in octal'),
    path: argument('path', 'File or folder', { complete: 'mfs' }),
    ...flushOption,
  },
  check(input) {
    permissionsOf(input.mode)
  },
  async *run(input, { node, signal }) {
    const [{ changeMfs }, { changeMode }, { cleanMfsPath }] = await Promise.all([
      import('../../node/mfs/change.ts'),
      import('../../node/mfs/operations.ts'),
      import('../../node/mfs/path.ts'),
    ])
    const path = cleanMfsPath(input.path)
    const permissions = permissionsOf(input.mode)
    await changeMfs(node, tree => changeMode(tree, node.blocks, path, permissions), { signal })
  },
})

/** Returns the permission bits of an octal number: of those above 0777 Kubo keeps none. */
function permissionsOf(text: string): number {
  if (!/^[0-7]{1,10}$/.test(text)) {
    throw new Failure('usage', `invalid mode "${text}"`, { hint: 'write it in octal, like 0644' })
  }
  return Number.parseInt(text, 8) & 0o777
}
