import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { argumentList } from '../../contract/params.ts'
import { FINAL_PEER, QUERY_SHAPE, queryRecords, stamp, verboseOption, verboseText } from '../_query-events.ts'

export const dhtQuery = defineCommand({
  path: 'dht query',
  summary: 'Find the peers that are closest to a peer id',
  description: 'Asks the DHT for those whose keys are closest to that of a peer id, and prints their peer ids.',
  examples: [{ line: 'tsipfs dht query 12D3Koo…', explains: 'Print the closest peers.' }],
  needs: 'network',
  deprecated: true,
  worksWithoutRepo: true,
  result: QUERY_SHAPE,
  params: {
    peer: argumentList('peerID', 'The peer id to run the query against', { complete: 'peer' }),
    verbose: verboseOption,
  },
  async *run(input, { node, signal }) {
    const { formatName, nameOrNothing } = await import('../../node/ipns/name.ts')
    const name = nameOrNothing(input.peer[0] ?? '')
    if (name === undefined) throw new Failure('usage', 'invalid peer ID', { badRequest: true })
    const peer = formatName(name, 'b58mh')
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
