import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { argument, choice, flag } from '../../contract/params.ts'

export const dagExport = defineCommand({
  path: 'dag export',
  summary: 'Write a DAG to standard output as a CAR file',
  description:
    'Writes a CARv1 with the root and all blocks below it, in depth-first order, each once. The same DAG gives the ' +
    'same bytes. With --local-only what is not here is left out, with all below it, and nothing is fetched.',
  examples: [{ line: 'tsipfs dag export bafy… > site.car', explains: 'Save a DAG to a file.' }],
  needs: 'repo',
  output: 'bytes',
  mediaType: 'application/vnd.ipld.car',
  worksWithoutRepo: true,
  params: {
    root: argument('root', 'The root to export, or a path to it', { stdin: true, complete: 'cid' }),
    progress: choice('Show progress', { short: 'p' }),
    deterministic: flag('The same bytes for the same DAG, everywhere and always: it is so in any case', {
      initial: true,
      caller: true,
    }),
    localOnly: flag('Leave out what is not in the repo; implies --offline'),
  },
  check(input) {
    if (!input.deterministic) throw new Failure('usage', 'there is no CAR that is not deterministic')
  },
  async *run(input, { node, signal }) {
    const [{ resolvePath }, { exportCar }] = await Promise.all([
      import('../../node/path.ts'),
      import('../../node/dag-export.ts'),
    ])
    const from = input.localOnly ? { blocks: node.repo.blocks, repo: node.repo } : node
    const { cid } = await resolvePath(from, input.root, { signal })
    // Fails before a byte is written when the root is not there.
    await from.blocks.get(cid, { signal })
    yield* exportCar(from.blocks, cid, { signal, partial: input.localOnly })
  },
  async render(outputs, { out, progress }) {
    let done = 0
    const pieces = outputs[Symbol.asyncIterator]()
    try {
      let next = await pieces.next()
      while (next.done !== true) {
        await out.write(next.value)
        done += next.value.length
        progress.update({ label: 'exporting', done, unit: 'bytes' })
        // What is written is given back: where the node is in this process its memory is used again.
        next = await pieces.next(next.value)
      }
    } finally {
      await pieces.return?.()
    }
    await progress.clear()
  },
})
