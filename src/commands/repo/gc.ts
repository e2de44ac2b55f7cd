import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { flag, text } from '../../contract/params.ts'
import { maybe } from '../../contract/shape.ts'
import { LineWriter } from '../_lines.ts'

interface Collected {
  readonly Key: { readonly '/': string } | null
  readonly Error?: string
}

export const repoGc = defineCommand({
  path: 'repo gc',
  summary: 'Remove what is not pinned',
  description:
    'Removes every block that no pin and no file of MFS needs, and gives the space back. Commands that run at the same ' +
    'time lose nothing: what they have added, or met, stays. When a pinned object has a hole nothing is removed.',
  examples: [
    { line: 'tsipfs repo gc', explains: 'Remove what is not pinned, and name it.' },
    { line: 'tsipfs repo gc --dry-run', explains: 'Name what would be removed.' },
    { line: 'tsipfs repo gc --quiet --until-free 1GB', explains: 'Remove until 1 GB has been freed.' },
  ],
  needs: 'repo',
  writes: true,
  result: { Key: maybe('link'), 'Error?': 'text' },
  params: {
    streamErrors: flag('Report failures among the results'),
    quiet: flag('Print just the CIDs', { short: 'q' }),
    silent: flag('Print nothing'),
    dryRun: flag('Remove nothing, print what would be removed'),
    untilFree: text('Stop when blocks of this size in total were removed', { placeholder: 'size' }),
  },
  async *run(input, { node, signal }) {
    const [{ collectGarbage }, { parseByteSize }] = await Promise.all([
      import('../../node/gc.ts'),
      import('../../repo/config-values.ts'),
    ])
    const bytesMax = input.untilFree === undefined ? undefined : parseByteSize(input.untilFree)
    try {
      for await (const { cid } of collectGarbage(node.repo, { dryRun: input.dryRun, bytesMax, signal })) {
        if (!input.silent || input.streamErrors) yield { Key: { '/': cid } } as Collected
      }
    } catch (error) {
      if (!input.streamErrors || !(error instanceof Failure)) throw error
      yield { Key: null, Error: error.message } as Collected
      throw new Failure(error.kind, 'encountered errors during gc run', { hint: error.hint, cause: error })
    }
  },
  async render(outputs, { input, out }) {
    const verb = input.quiet ? '' : input.dryRun ? 'would remove ' : 'removed '
    const lines = new LineWriter(out)
    for await (const { Key, Error: cause } of outputs) {
      if (input.silent) continue
      const wait = lines.write(cause === undefined ? `${verb}${Key?.['/']}` : `Error: ${cause}`)
      if (wait !== undefined) await wait
    }
    await lines.flush()
  },
})
