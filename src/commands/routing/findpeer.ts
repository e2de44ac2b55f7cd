import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { argumentList } from '../../contract/params.ts'
import {
  FINAL_PEER,
  QUERY_ERROR,
  QUERY_SHAPE,
  queryRecords,
  stamp,
  verboseOption,
  verboseText,
} from '../_query-events.ts'

export const routingFindpeer = defineCommand({
  path: 'routing findpeer',
  summary: 'Find the addresses of a peer',
  description: 'Prints the multiaddrs of a peer, one a line.',
  examples: [{ line: 'tsipfs routing findpeer 12D3Koo…', explains: 'Print where a peer can be reached.' }],
  needs: 'network',
  worksWithoutRepo: true,
  result: QUERY_SHAPE,
  items: { at: 'Responses.*.Addrs', name: 'Address', only: ['Type', FINAL_PEER] },
  params: {
    peer: argumentList('peerID', 'The peer to find', { complete: 'peer' }),
    verbose: verboseOption,
  },
  async *run(input, { node, signal }) {
    const [{ formatName, parseName }] = await Promise.all([import('../../node/ipns/name.ts')])
    const peer = formatName(parseName(input.peer[0] ?? ''), 'b58mh')
    yield* queryRecords(async (tell, stop) => {
      const network = await node.network({ signal: stop })
      if (peer === network.peerId) {
        throw new Failure('failed', 'finding your own node in the DHT is currently not supported')
      }
      const found = await network.routing.findPeer(peer, { signal: stop, onEvent: tell }).catch((error: unknown) => {
        // Clients look for the event, since it comes before a failure that they can't see.
        if (error instanceof Failure) tell({ type: QUERY_ERROR, peer: '', extra: error.message })
        throw error
      })
      // Kubo leaves the field empty, and puts the peer into the response.
      tell({ type: FINAL_PEER, peer: '', responses: [found] })
    }, signal)
  },
  async render(outputs, { out, input, lineEnd = '\n' }) {
    for await (const event of outputs) {
      if (event.Type === FINAL_PEER) {
        const addresses = (event.Responses?.[0]?.Addrs ?? []).map(address => `${address}${lineEnd}`).join('')
        await out.write((input.verbose ? stamp() : '') + addresses)
      } else if (input.verbose) await out.write(stamp() + (verboseText(event) ?? ''))
    }
  },
})
