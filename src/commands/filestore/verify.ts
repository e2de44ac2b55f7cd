import { defineCommand } from '../../contract/command.ts'
import { flag, optionalArgumentList } from '../../contract/params.ts'
import { maybe } from '../../contract/shape.ts'
import { LineWriter } from '../_lines.ts'
import { blockLine, type ListedBlock, statusName } from './_line.ts'

const STATUS_OTHER = 20

export const filestoreVerify = defineCommand({
  path: 'filestore verify',
  summary: 'Verify blocks that lie in files of the user',
  description:
    'Reads what `add --nocopy` refers to, and prints for each block what became of it: ok, changed (the file has other ' +
    'bytes there now), no-file (it is gone), error (it cannot be read) or missing (no file ever held the block); then ' +
    'CID, size, file and offset.',
  examples: [
    { line: 'tsipfs filestore verify --file-order', explains: 'Check all files, one after another.' },
    {
      line: 'tsipfs filestore verify --remove-bad-blocks',
      explains: 'Forget blocks whose bytes are gone, pinned or not; see `tsipfs pin verify`.',
    },
  ],
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
    obj: optionalArgumentList('obj', 'CIDs of blocks to verify; all when there is none'),
    fileOrder: flag('Verify in the order of files and offsets'),
    removeBadBlocks: flag('Forget blocks that cannot be read any more. What is pinned may be among them'),
  },
  async *run(input, { node, signal }) {
    const { listFilestore } = await import('../../node/filestore-list.ts')
    const { obj, fileOrder, removeBadBlocks } = input
    const options = { named: obj, fileOrder, verify: true, removeBad: removeBadBlocks, signal }
    for await (const block of listFilestore(node.repo, options)) yield block as ListedBlock
  },
  async render(outputs, { input, out, err, globals, lineEnd }) {
    const line = await blockLine(globals)
    const lines = new LineWriter(out, lineEnd)
    for await (const block of outputs) {
      const { Status, ErrorMsg } = block
      if (Status === STATUS_OTHER) await err.write(`${ErrorMsg}\n`)
      const isBad = Status !== 0 && Status !== STATUS_OTHER
      const action = input.removeBadBlocks ? (isBad ? ' remove' : ' keep') : ''
      await lines.write(`${statusName(Status).padEnd(7)} ${line(block)}${action}`)
    }
    await lines.flush()
  },
})
