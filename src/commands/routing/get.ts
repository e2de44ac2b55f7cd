import { defineCommand } from '../../contract/command.ts'
import { argument } from '../../contract/params.ts'
import { QUERY_SHAPE, VALUE } from '../_query-events.ts'

export const routingGet = defineCommand({
  path: 'routing get',
  summary: 'Fetch the best value of a key',
  description:
    'Writes the value of a key (/ipns/NAME or /pk/PEER) as it is to standard output: of several, the best one. For IPNS ' +
    'that is the newest valid record.',
  examples: [{ line: 'tsipfs routing get /ipns/k51… | tsipfs name inspect', explains: 'Look at a record.' }],
  needs: 'network',
  experimental: true,
  worksWithoutRepo: true,
  output: 'value',
  result: QUERY_SHAPE,
  params: { key: argument('key', 'The key to find a value for') },
  async *run(input, { node, signal }) {
    const { valueOfKey } = await import('../../node/routing-values.ts')
    const value = await valueOfKey(node, input.key, { signal })
    yield { ID: '', Type: VALUE, Responses: null, Extra: Buffer.from(value).toString('base64') }
  },
  async render(outputs, { out }) {
    for await (const { Extra } of outputs) await out.write(Uint8Array.from(Buffer.from(Extra, 'base64')))
  },
})
