import { defineCommand } from '../../contract/command.ts'
import { argument } from '../../contract/params.ts'

interface Exported {
  readonly Blocks: number
  readonly Present: number
  readonly Bytes: number
  readonly Done: boolean
}

export const repoExportFlatfs = defineCommand({
  path: 'repo export-flatfs',
  summary: "Write all blocks into a folder of Kubo's flatfs",
  description:
    'Writes every block, checked, as a file of its own, as Kubo keeps them: into an empty folder, or into the "blocks" ' +
    'of a Kubo repo whose daemon does not run, where what is there already stays. Blocks only: pins, names, keys and MFS ' +
    'are not in it. It can be interrupted and repeated.',
  examples: [
    { line: 'tsipfs repo export-flatfs ~/.ipfs/blocks', explains: 'Give all blocks to a Kubo repo.' },
    {
      line: 'tsipfs pin ls --type=recursive -q | ipfs pin add',
      explains: 'Then pin there what is pinned here.',
    },
  ],
  needs: 'repo',
  localOnly: true,
  result: { Blocks: 'int', Present: 'int', Bytes: 'int', Done: 'flag' },
  params: { folder: argument('folder', 'An empty folder, or a flatfs', { complete: 'folder' }) },
  async *run(input, { node, signal }): AsyncIterable<Exported> {
    const { exportFlatfs } = await import('../../repo/export-flatfs.ts')
    let last = { blocks: 0, present: 0, bytes: 0 }
    let told = 0
    for await (const state of exportFlatfs(node.repo.blocks, input.folder, { signal })) {
      last = state
      if (state.blocks - told < 1000) continue
      told = state.blocks
      yield { Blocks: state.blocks, Present: state.present, Bytes: state.bytes, Done: false }
    }
    yield { Blocks: last.blocks, Present: last.present, Bytes: last.bytes, Done: true }
  },
  async render(outputs, { input, out, progress }) {
    for await (const { Blocks, Present, Bytes, Done } of outputs) {
      if (Done) {
        await progress.clear()
        await out.write(`${input.folder}: ${Blocks} blocks, ${Present} were there, ${Bytes} bytes written\n`)
      } else progress.update({ label: 'exported', done: Blocks, unit: 'items' })
    }
  },
})
