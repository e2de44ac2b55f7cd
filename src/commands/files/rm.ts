import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { argumentList, flag } from '../../contract/params.ts'
import { flushOption } from './_shared.ts'

export const filesRm = defineCommand({
  path: 'files rm',
  summary: 'Remove files from MFS',
  description:
    'Removes files, and with --recursive folders. All that can be removed is removed in one step; the command fails ' +
    'when something could not. Pins and the blocks themselves stay: garbage collection takes what nothing holds.',
  examples: [
    { line: 'tsipfs files rm /foo', explains: 'Remove a file.' },
    { line: 'tsipfs files rm -r /bar', explains: 'Remove a folder with all that is in it.' },
  ],
  needs: 'repo',
  output: 'nothing',
  writes: true,
  params: {
    path: argumentList('path', 'File to remove', { complete: 'mfs' }),
    recursive: flag('Remove folders too', { short: 'r' }),
    force: flag('Remove whatever is there, folders too; nothing there is fine'),
    ...flushOption,
  },
  check(input) {
    if (!input.flush) throw new Failure('usage', 'files rm always flushes: --flush cannot be false')
  },
  async *run(input, { node, signal }) {
    const [{ changeMfs }, { remove }, { cleanMfsPath }] = await Promise.all([
      import('../../node/mfs/change.ts'),
      import('../../node/mfs/operations.ts'),
      import('../../node/mfs/path.ts'),
    ])
    const failures = await changeMfs(
      node,
      async tree => {
        const failed: Failure[] = []
        for (const path of input.path) {
          try {
            await remove(tree, cleanMfsPath(path), input)
          } catch (error) {
            if (!(error instanceof Failure)) throw error
            failed.push(new Failure(error.kind, `${path}: ${error.message}`, { hint: error.hint, cause: error }))
          }
        }
        return failed
      },
      { signal },
    )
    const [first] = failures
    if (first === undefined) return
    const kind = failures.length < input.path.length ? 'partial' : first.kind
    throw new Failure(kind, `can't remove ${failures.map(failure => failure.message).join('; ')}`, { hint: first.hint })
  },
})
