import { defineCommand } from '../../contract/command.ts'
import { argumentList, flag } from '../../contract/params.ts'
import { maybe } from '../../contract/shape.ts'
import { FINAL_PEER, queryRecords, stamp, verboseText } from '../_query-events.ts'

export const dhtQuery = defineCommand({
  path: 'dht query',
  summary: 'Find the peers that are closest to a peer id',
  description: 'Asks the DHT for those whose keys are closest to that of a peer id, and prints their peer ids.',
  examples: [{ line: 'tsipfs dht query 12D3Koo…', explains: 'Print the closest peers.' }],
  needs: 'network',
  deprecated: true,
  worksWithoutRepo: true,
  result: {
    ID: 'text',
    Type: 'int: 1 a peer answered, 2 the last peer, 3 an error, 4 a provider, 5 a value, 6 a peer is added, 7 a peer is dialled',
    Responses: maybe([{ ID: 'text', Addrs: maybe(['text']) }]),
    Extra: 'text',
  },
  params: {
    peer: argumentList('peerID', 'The peer id to run the query against', { complete: 'peer' }),
    verbose: flag('Print the steps of the search', { short: 'v' }),
  },
  async *run(input, { node, signal }) {
    const { formatName, parseName } = await import('../../node/ipns/name.ts')
    const peer = formatName(parseName(input.peer[0] ?? ''), 'b58mh')
    yield* queryRecords(async (tell, stop) => {
      const { routing } = await node.network({ signal: stop })
      for await (const found of routing.closestPeers(peer, { signal: stop, onEvent: tell })) {
        tell({ type: FINAL_PEER, peer: found.peer })
      }
    }, signal)
  },
  async render(outputs, { out, input }) {
    for await (const event of outputs) {
      if (event.Type === FINAL_PEER) await out.write(`${input.verbose ? stamp() : ''}${event.ID}\n`)
      else if (input.verbose) await out.write(stamp() + (verboseText(event) ?? ''))
    }
  },
})
