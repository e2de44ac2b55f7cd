import { defineCommand } from '../../contract/command.ts'
import { baseParams, listBases, renderBases } from './_bases.ts'

export const cidBases = defineCommand({
  path: 'cid bases',
  summary: 'List multibase encodings',
  examples: [{ line: 'tsipfs cid bases --prefix', explains: 'List encodings with their prefixes.' }],
  needs: 'nothing',
  output: 'value',
  result: [{ Code: 'int', Name: 'text' }],
  params: baseParams,
  run: listBases,
  render: renderBases,
})
