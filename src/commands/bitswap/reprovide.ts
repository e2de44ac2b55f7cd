import { defineCommand } from '../../contract/command.ts'
import { routingReprovide } from '../routing/reprovide.ts'

export const bitswapReprovide = defineCommand({
  ...routingReprovide,
  path: 'bitswap reprovide',
  examples: [{ line: 'tsipfs bitswap reprovide', explains: 'Announce now, not when it is due.' }],
})
