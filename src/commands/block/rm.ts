import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { argumentList, flag } from '../../contract/params.ts'

interface Removed {
  readonly Hash: string
  readonly Error?: string
}

export const blockRm = defineCommand({
  path: 'block rm',
  summary: 'Remove blocks from the repo',
  description:
    'Removes blocks that nothing pins. What is pinned, by itself or below a recursive pin, stays, and is reported. ' +
    'The status is 8 when some blocks could not be removed.',
  examples: [{ line: 'tsipfs block rm bafy…', explains: 'Remove a block.' }],
  needs: 'repo',
  writes: true,
  result: { Hash: 'cid', 'Error?': 'text' },
  params: {
    cid: argumentList('cid', 'The blocks, or paths to them', { complete: 'cid' }),
    force: flag('Ignore blocks that are not there', { short: 'f' }),
    quiet: flag('Print failures only', { short: 'q' }),
  },
  async *run(input, { node, globals, signal }) {
    const [{ resolvePath }, { formatCid }, { removeBlock }] = await Promise.all([
      import('../../node/path.ts'),
      import('../../node/cid.ts'),
      import('../../node/block-remove.ts'),
    ])
    let removed = 0
    let failed = 0
    for (const path of input.cid) {
      const { cid } = await resolvePath(node, path, { signal })
      const Hash = formatCid(cid, globals)
      const cause = await removeBlock(node, cid, { force: input.force, signal })
      if (cause === undefined) removed += 1
      else failed += 1
      if (cause !== undefined || !input.quiet) {
        yield (cause === undefined ? { Hash } : { Hash, Error: cause }) satisfies Removed as Removed
      }
    }
    if (failed > 0) throw new Failure(removed > 0 ? 'partial' : 'failed', 'some blocks not removed')
  },
  async render(outputs, { out, err }) {
    let failed = false
    for await (const { Hash, Error: cause } of outputs) {
      failed ||= cause !== undefined
      if (cause === undefined) await out.write(`removed ${Hash}\n`)
      else await err.write(`cannot remove ${Hash}: ${cause}\n`)
    }
    // Kubo's daemon leaves it to its client to see that something failed.
    if (failed) throw new Failure('failed', 'some blocks not removed')
  },
})
