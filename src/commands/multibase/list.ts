import { defineCommand } from '../../contract/command.ts'
import { baseParams, listBases, renderBases } from '../cid/_bases.ts'

export const multibaseList = defineCommand({
  path: 'multibase list',
  summary: 'List multibase encodings',
  examples: [{ line: 'tsipfs multibase list --prefix', explains: 'List encodings with their prefixes.' }],
  needs: 'nothing',
  output: 'value',
  result: [{ Code: 'int', Name: 'text' }],
  params: baseParams,
  run: listBases,
  render: renderBases,
})
