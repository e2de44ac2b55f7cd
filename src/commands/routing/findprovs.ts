import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { argumentList, flag, int } from '../../contract/params.ts'
import { PROVIDER, QUERY_SHAPE, queryRecords, stamp, verboseText } from '../_query-events.ts'

export const routingFindprovs = defineCommand({
  path: 'routing findprovs',
  summary: 'Find peers that provide a CID',
  description: 'Prints the peer ids of those who say that they have a CID, one a line, as they are found.',
  examples: [{ line: 'tsipfs routing findprovs -n 1 bafy…', explains: 'Print the first provider.' }],
  needs: 'network',
  worksWithoutRepo: true,
  result: QUERY_SHAPE,
  items: { at: 'Responses', only: ['Type', PROVIDER] },
  params: {
    key: argumentList('key', 'The CID to find providers of', { complete: 'cid' }),
    verbose: flag('Print the steps of the search, and addresses', { short: 'v' }),
    numProviders: int('How many providers to find', { short: 'n', initial: 20 }),
  },
  check(input) {
    if (input.numProviders < 1) throw new Failure('usage', 'number of providers must be greater than 0')
  },
  async *run(input, { node, signal }) {
    const { parseCid } = await import('../../node/cid.ts')
    const cid = parseCid((input.key[0] ?? '').replace(/^\/ipfs\//, ''))
    const { isQueued } = await import('../../node/provide-queue.ts')
    const providesToo = node.daemon !== undefined && (await isQueued(node.repo.values, cid))
    yield* queryRecords(async (tell, stop) => {
      const { routing } = await node.network({ signal: stop })
      const options = { signal: stop, count: input.numProviders, providesToo, onEvent: tell }
      const found = routing.findProviders(cid, options)
      for await (const _ of found);
    }, signal)
  },
  async render(outputs, { out, input }) {
    for await (const event of outputs) {
      const provider = event.Type === PROVIDER ? event.Responses?.[0] : undefined
      if (input.verbose && provider === undefined) await out.write(stamp() + (verboseText(event) ?? ''))
      if (provider === undefined) continue
      const addresses = provider.Addrs.map(address => `\t${address}\n`).join('')
      await out.write(input.verbose ? `${stamp()}provider: ${provider.ID}\n${addresses}` : `${provider.ID}\n`)
    }
  },
})
