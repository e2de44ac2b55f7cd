import { defineCommand } from '../../contract/command.ts'
import { maybe } from '../../contract/shape.ts'
import { renderStrings, type Strings } from '../_strings.ts'

export const swarmFilters = defineCommand({
  path: 'swarm filters',
  summary: 'List the networks whose addresses are refused',
  description:
    'Addresses in these networks are not dialled, and nobody comes in from there. A filter is written like ' +
    '/ip4/192.168.0.0/ipcidr/16, which is 192.168.0.0/16. They stand in Swarm.AddrFilters of the config.',
  examples: [{ line: 'tsipfs swarm filters', explains: 'List them.' }],
  needs: 'daemon',
  output: 'value',
  result: { Strings: maybe(['text']) },
  items: { at: 'Strings', name: 'Filter' },
  params: {},
  async *run(_, { node, signal }): AsyncIterable<Strings> {
    const filters = (await node.network({ signal })).swarm.filters()
    yield { Strings: filters.length === 0 ? null : filters }
  },
  render: renderStrings,
})
