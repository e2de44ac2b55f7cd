import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { argument, files, flag } from '../../contract/params.ts'
import { QUERY_SHAPE, VALUE } from '../_query-events.ts'

export const routingPut = defineCommand({
  path: 'routing put',
  summary: 'Store a value under a key',
  description:
    'Hands a value to the network under a key: an IPNS record that has been signed already, under /ipns/NAME. Use "name ' +
    'put", which says more, and "name publish" to sign one.',
  examples: [{ line: 'tsipfs routing put /ipns/k51… record.bin', explains: 'Publish a record that was saved.' }],
  needs: 'network',
  experimental: true,
  writes: true,
  output: 'value',
  result: QUERY_SHAPE,
  params: {
    key: argument('key', 'The key to store the value at'),
    value: files('value-file', 'The value to store', { many: false }),
    allowOffline: flag('Store the value here when it cannot be handed to the network'),
  },
  async *run(input, { node, source, signal, globals }) {
    const [{ putRecord }, { readRecord }, { formatName }, { parseKey }] = await Promise.all([
      import('../../node/ipns/put-record.ts'),
      import('../../node/ipns/read-record.ts'),
      import('../../node/ipns/name.ts'),
      import('../../node/routing-values.ts'),
    ])
    const { namespace, multihash } = parseKey(input.key)
    if (namespace !== 'ipns') throw new Failure('usage', 'invalid key', { hint: 'only /ipns/NAME can be stored' })
    if (globals.offline && !input.allowOffline) {
      throw new Failure('failed', "can't put while offline: pass `--allow-offline` to override")
    }
    const bytes = await readRecord(source)
    const mode = input.allowOffline ? 'here' : 'network'
    await putRecord(node, multihash, bytes, { mode, force: true, signal })
    yield { ID: formatName(multihash, 'b58mh'), Type: VALUE, Responses: null, Extra: '' }
  },
  async render(outputs, { out }) {
    for await (const { ID } of outputs) await out.write(`${ID}\n`)
  },
})
