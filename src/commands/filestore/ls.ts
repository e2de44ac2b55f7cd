import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { flag, optionalArgumentList } from '../../contract/params.ts'
import { maybe } from '../../contract/shape.ts'
import { LineWriter } from '../_lines.ts'
import { blockLine, type ListedBlock } from './_line.ts'

export const filestoreLs = defineCommand({
  path: 'filestore ls',
  summary: 'List blocks that lie in files of the user',
  description:
    'Lists what `add --nocopy` refers to, one block a line: CID, size, file and offset. Files are named from the folder ' +
    'that the repo lies in. Blocks that are named are read, and those that are not what they were are told on standard error.',
  needs: 'repo',
  result: {
    Status: 'int: 0 fine, 10 the file changed, 11 no file, 20 another problem',
    ErrorMsg: 'text',
    Key: maybe('link'),
    FilePath: 'text',
    Offset: 'int',
    Size: 'int',
  },
  params: {
    obj: optionalArgumentList('obj', 'CIDs of blocks to list; all when there is none'),
    fileOrder: flag('Sort by file and offset'),
  },
  async *run(input, { node, signal }) {
    const { listFilestore } = await import('../../node/filestore-list.ts')
    const { obj, fileOrder } = input
    const listing = listFilestore(node.repo, { named: obj, fileOrder, verify: false, removeBad: false, signal })
    for await (const block of listing) yield block as ListedBlock
  },
  async render(outputs, { out, err, globals, lineEnd }) {
    const line = await blockLine(globals)
    const lines = new LineWriter(out, lineEnd)
    let failed = false
    for await (const block of outputs) {
      if (block.ErrorMsg === '') {
        await lines.write(line(block))
        continue
      }
      failed = true
      await err.write(`${block.ErrorMsg}\n`)
    }
    await lines.flush()
    if (failed) throw new Failure('partial', 'errors while displaying some entries')
  },
})
