import { type Context, defineCommand, type View } from '../../contract/command.ts'
import { flag, type Input } from '../../contract/params.ts'
import { maybe } from '../../contract/shape.ts'

interface Stat {
  readonly Wantlist: readonly { readonly '/': string }[] | null
  readonly Peers: readonly string[] | null
  readonly BlocksReceived: number
  readonly DataReceived: number
  readonly DupBlksReceived: number
  readonly DupDataReceived: number
  readonly MessagesReceived: number
  readonly BlocksSent: number
  readonly DataSent: number
}

/** The options of `bitswap stat` and `stats bitswap`. */
export const bitswapStatParams = {
  verbose: flag('Print extra information: the peers', { short: 'v' }),
  human: flag('Print sizes in human readable format (e.g., 1K 234M 2G)'),
} as const

/** What both of them yield. */
export const bitswapStatResult = {
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
} as const

type StatInput = Input<typeof bitswapStatParams>

/** Yields what was exchanged, and with whom. */
export async function* statBitswap(_input: StatInput, { node, globals, signal }: Context): AsyncIterable<Stat> {
  const { formatCid } = await import('../../node/cid.ts')
  const stat = (await node.network({ signal })).bitswap.stat()
  yield {
    Wantlist: stat.wantlist.map(cid => ({ '/': formatCid(cid, globals) })),
    Peers: [...stat.peers],
    BlocksReceived: stat.blocksReceived,
    DataReceived: stat.dataReceived,
    DupBlksReceived: stat.duplicateBlocks,
    DupDataReceived: stat.duplicateData,
    MessagesReceived: stat.messagesReceived,
    BlocksSent: stat.blocksSent,
    DataSent: stat.dataSent,
  }
}

/** Prints what was exchanged. */
export async function renderBitswapStat(
  outputs: AsyncIterable<Stat>,
  { input, out }: Pick<View<typeof bitswapStatParams>, 'input' | 'out'>,
): Promise<void> {
  const { humanBytes } = await import('../repo/stat.ts')
  const size = (bytes: number): string => (input.human ? humanBytes(bytes) : String(bytes))
  for await (const stat of outputs) {
    const wants = stat.Wantlist ?? []
    const peers = stat.Peers ?? []
    const lines = [
      'bitswap status',
      `\tblocks received: ${stat.BlocksReceived}`,
      `\tblocks sent: ${stat.BlocksSent}`,
      `\tdata received: ${size(stat.DataReceived)}`,
      `\tdata sent: ${size(stat.DataSent)}`,
      `\tdup blocks received: ${stat.DupBlksReceived}`,
      `\tdup data received: ${size(stat.DupDataReceived)}`,
      `\twantlist [${wants.length} keys]`,
      ...wants.map(want => `\t\t${want['/']}`),
      `\tpartners [${peers.length}]`,
      ...(input.verbose ? peers.map(peer => `\t\t${peer}`) : []),
    ]
    await out.write(`${lines.join('\n')}\n`)
  }
}

export const bitswapStat = defineCommand({
  path: 'bitswap stat',
  summary: 'Show what was exchanged with peers',
  description: 'Counts blocks and bytes since the daemon started, and lists what it wants now.',
  examples: [{ line: 'tsipfs bitswap stat --human', explains: 'Show sizes in units.' }],
  needs: 'daemon',
  output: 'value',
  result: bitswapStatResult,
  params: bitswapStatParams,
  run: statBitswap,
  render: renderBitswapStat,
})
