import { defineCommand } from '../../../contract/command.ts'
import { flag } from '../../../contract/params.ts'
import { maybe } from '../../../contract/shape.ts'
import { renderStrings, type Strings } from '../../_strings.ts'

export const swarmAddrsLocal = defineCommand({
  path: 'swarm addrs local',
  summary: 'List the addresses that others are told',
  examples: [{ line: 'tsipfs swarm addrs local --id', explains: 'Show addresses that "swarm connect" takes.' }],
  needs: 'daemon',
  output: 'value',
  result: { Strings: maybe(['text']) },
  items: { at: 'Strings', name: 'Address' },
  params: { id: flag('Show the peer id in addresses') },
  async *run(input, { node, signal }): AsyncIterable<Strings> {
    const { swarm, peerId } = await node.network({ signal })
    const addresses = swarm.addresses().map(address => (input.id ? `${address}/p2p/${peerId}` : address))
    yield { Strings: addresses.length === 0 ? null : addresses.sort() }
  },
  render: renderStrings,
})
