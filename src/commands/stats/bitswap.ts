import { defineCommand } from '../../contract/command.ts'
import { bitswapStatParams, bitswapStatResult, renderBitswapStat, statBitswap } from '../bitswap/stat.ts'

export const statsBitswap = defineCommand({
  path: 'stats bitswap',
  summary: 'Show what was exchanged with peers',
  description: 'Does the same as "tsipfs bitswap stat".',
  examples: [{ line: 'tsipfs stats bitswap -v', explains: 'List the peers too.' }],
  needs: 'daemon',
  output: 'value',
  result: bitswapStatResult,
  params: bitswapStatParams,
  run: statBitswap,
  render: renderBitswapStat,
})
