import { defineCommand } from '../../contract/command.ts'
import { argumentList, flag } from '../../contract/params.ts'

export const pinRm = defineCommand({
  path: 'pin rm',
  summary: 'Remove pins',
  description:
    'Lets garbage collection take objects. An object that is pinned below another stays: "tsipfs pin ls CID" tells ' +
    'below which.',
  examples: [{ line: 'tsipfs pin rm bafy…', explains: 'Remove a pin, recursive or direct.' }],
  needs: 'repo',
  writes: true,
  output: 'value',
  result: { Pins: ['cid'] },
  items: { at: 'Pins', name: 'Cid' },
  params: {
    path: argumentList('ipfs-path', 'Objects to be unpinned', { stdin: true, complete: 'pin' }),
    recursive: flag('Remove recursive pins too', { short: 'r', initial: true }),
  },
  async *run(input, { node, globals, signal }) {
    const [{ resolvePath }, { formatCid }, { removePin }] = await Promise.all([
      import('../../node/path.ts'),
      import('../../node/cid.ts'),
      import('../../node/pinner.ts'),
    ])
    const removed: string[] = []
    for (const path of input.path) {
      const { cid } = await resolvePath(node, path, { signal })
      await removePin(node.repo.pins, cid, input.recursive)
      removed.push(formatCid(cid, globals))
    }
    yield { Pins: removed }
  },
  async render(outputs, { out }) {
    for await (const { Pins } of outputs) for (const pin of Pins) await out.write(`unpinned ${pin}\n`)
  },
})
