import { defineCommand } from '../../contract/command.ts'
import { argumentList, flag } from '../../contract/params.ts'
import { FINAL_PEER, QUERY_SHAPE, queryRecords, stamp, verboseOption, verboseText } from '../_query-events.ts'

export const routingProvide = defineCommand({
  path: 'routing provide',
  summary: "Deprecated: use 'provide once'",
  description: 'Announces CIDs to the network, and ends when peers have taken the records.',
  examples: [{ line: 'tsipfs routing provide bafy…', explains: 'Announce one block, and wait until it is done.' }],
  needs: 'daemon',
  deprecated: true,
  result: QUERY_SHAPE,
  params: {
    key: argumentList('key', 'The CIDs to announce', { stdin: true, complete: 'cid' }),
    verbose: verboseOption,
    recursive: flag('Announce all blocks below them too', { short: 'r' }),
  },
  async *run(input, { node, signal }) {
    const { blockHere, checkProviding, queueCids } = await import('../../node/provide-now.ts')
    const words = {
      disabled: "invalid configuration: Provide.Enabled is set to 'false'",
      alone: 'cannot provide, no connected peers',
    }
    const { routing, providing } = await checkProviding(node, words, { signal })
    const cids = await Promise.all(input.key.map(text => blockHere(node, text)))
    yield* queryRecords(async (tell, stop) => {
      for (const cid of cids) await routing.provide(cid, { signal: stop, onEvent: tell })
      if (!input.recursive) return
      for await (const _ of queueCids(node, input.key, { recursive: true, signal: stop }));
      providing.wake()
    }, signal)
  },
  async render(outputs, { out, input }) {
    for await (const event of outputs) {
      if (!input.verbose) continue
      if (event.Type === FINAL_PEER) await out.write(`${stamp()}sending provider record to peer ${event.ID}\n`)
      else await out.write(stamp() + (verboseText(event) ?? ''))
    }
  },
})
