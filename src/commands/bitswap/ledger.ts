import { defineCommand } from '../../contract/command.ts'
import { argument } from '../../contract/params.ts'

export const bitswapLedger = defineCommand({
  path: 'bitswap ledger',
  summary: 'Show what was exchanged with one peer',
  description:
    'The debt ratio is the number of bytes sent divided by one more than those received. Counting begins when the ' +
    'daemon starts.',
  examples: [{ line: 'tsipfs bitswap ledger 12D3KooW…', explains: 'Show how much went to and came from a peer.' }],
  needs: 'daemon',
  output: 'value',
  result: { Peer: 'text', Value: 'number', Sent: 'int', Recv: 'int', Exchanged: 'int' },
  params: { peer: argument('peer', 'The peer id', { complete: 'peer' }) },
  async *run(input, { node, signal }) {
    const { parsePeer } = await import('../../node/network/addresses.ts')
    const { bitswap } = await node.network({ signal })
    const { peer, value, sent, received, exchanged } = bitswap.ledger(parsePeer(input.peer).toString())
    yield { Peer: peer, Value: value, Sent: sent, Recv: received, Exchanged: exchanged }
  },
  async render(outputs, { out }) {
    for await (const { Peer, Value, Sent, Recv, Exchanged } of outputs) {
      await out.write(
        `Ledger for ${Peer}\nDebt ratio:\t${Value.toFixed(6)}\nExchanges:\t${Exchanged}\n` +
          `Bytes sent:\t${Sent}\nBytes received:\t${Recv}\n\n`,
      )
    }
  },
})
