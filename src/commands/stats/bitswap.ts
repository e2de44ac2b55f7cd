import { defineCommand } from '../../contract/command.ts'
import { maybe } from '../../contract/shape.ts'
import { bitswapStatParams, renderBitswapStat, statBitswap } from '../bitswap/stat.ts'

export const statsBitswap = defineCommand({
  path: 'stats bitswap',
  summary: 'Show what was exchanged with peers',
  description: 'Does the same as "tsipfs bitswap stat".',
  examples: [{ line: 'tsipfs stats bitswap -v', explains: 'List the peers too.' }],
  needs: 'daemon',
  output: 'value',
  result: {
    Wantlist: maybe(['link']),
    Peers: maybe(['text']),
    BlocksReceived: 'int',
    DataReceived: 'int',
    DupBlksReceived: 'int',
    DupDataReceived: 'int',
    MessagesReceived: 'int',
    BlocksSent: 'int',
    DataSent: 'int',
    'ProvideBufLen?': 'int',
  },
  params: bitswapStatParams,
  run: statBitswap,
  render: renderBitswapStat,
})
