import { defineCommand } from '../../../contract/command.ts'
import { renderStrings, type Strings } from '../../_strings.ts'

export const swarmAddrsListen = defineCommand({
  path: 'swarm addrs listen',
  summary: 'List the addresses that the daemon listens on',
  examples: [{ line: 'tsipfs swarm addrs listen', explains: 'Show where peers can be met, on every interface.' }],
  needs: 'daemon',
  output: 'value',
  result: { Strings: ['text'] },
  items: { at: 'Strings', name: 'Address' },
  params: {},
  async *run(_, { node, signal }): AsyncIterable<Strings> {
    const { swarm } = await node.network({ signal })
    yield { Strings: swarm.listenAddresses().sort() }
  },
  render: renderStrings,
})
