import { defineCommand } from '../../../contract/command.ts'
import { Failure } from '../../../contract/failure.ts'
import { argument } from '../../../contract/params.ts'

export const namePubsubCancel = defineCommand({
  path: 'name pubsub cancel',
  summary: 'Follow a name over pubsub no longer',
  description: 'Prints "canceled", or "no subscription" when the name was not followed.',
  examples: [{ line: 'tsipfs name pubsub cancel /ipns/k51…', explains: 'Leave the topic of a name.' }],
  needs: 'daemon',
  experimental: true,
  output: 'value',
  result: { Canceled: 'flag' },
  params: { name: argument('name', 'The name to follow no longer') },
  async *run(input, { node, signal }) {
    const [{ followedNames }, { parseName }] = await Promise.all([
      import('../../../node/ipns/followed-names.ts'),
      import('../../../node/ipns/name.ts'),
    ])
    const { cancel } = await followedNames(node, { signal })
    try {
      yield { Canceled: cancel(parseName(input.name)) }
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      throw new Failure('usage', `not a valid IPNS name: ${error.message}`, { badRequest: true, cause: error })
    }
  },
  async render(outputs, { out }) {
    for await (const { Canceled } of outputs) await out.write(Canceled ? 'canceled\n' : 'no subscription\n')
  },
})
