import { defineCommand } from '../../../contract/command.ts'
import { Failure } from '../../../contract/failure.ts'
import { flag, optionalArgument } from '../../../contract/params.ts'
import { tunnelsOf } from '../_tunnels.ts'

export const p2pStreamClose = defineCommand({
  path: 'p2p stream close',
  summary: 'Close open connections of "p2p listen" and "p2p forward"',
  examples: [{ line: 'tsipfs p2p stream close 3', explains: 'Close one, by its id from "p2p stream ls".' }],
  needs: 'daemon',
  output: 'nothing',
  experimental: true,
  params: {
    id: optionalArgument('id', 'Id of the connection'),
    all: flag('Close all of them', { short: 'a' }),
  },
  check({ id, all }) {
    if (all) return
    if (id === undefined) throw new Failure('usage', 'no id specified', { hint: 'name one, or use --all' })
    if (!/^\d+$/.test(id)) throw new Failure('usage', `invalid id "${id}"`, { hint: 'see: tsipfs p2p stream ls' })
  },
  async *run(input, { node, signal }) {
    const tunnels = await tunnelsOf({ node, signal })
    tunnels.closeStreams(input.all ? undefined : Number(input.id))
  },
})
