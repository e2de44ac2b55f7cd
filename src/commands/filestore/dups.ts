import { defineCommand } from '../../contract/command.ts'
import { LineWriter } from '../_lines.ts'

export const filestoreDups = defineCommand({
  path: 'filestore dups',
  summary: 'List blocks that lie in files of the user and in the repo itself',
  needs: 'repo',
  result: { Ref: 'cid', Err: 'text' },
  params: {},
  async *run(_input, { node, globals, signal }) {
    const [{ listDuplicates }, { formatCid }] = await Promise.all([
      import('../../node/filestore-list.ts'),
      import('../../node/cid.ts'),
    ])
    for await (const cid of listDuplicates(node.repo, { signal })) yield { Ref: formatCid(cid, globals), Err: '' }
  },
  async render(outputs, { out, lineEnd }) {
    const lines = new LineWriter(out, lineEnd)
    for await (const { Ref } of outputs) await lines.write(Ref)
    await lines.flush()
  },
})
