import { defineCommand } from '../../../contract/command.ts'
import { argumentList } from '../../../contract/params.ts'
import { maybe } from '../../../contract/shape.ts'
import { renderStrings, type Strings } from '../../_strings.ts'

export const swarmFiltersAdd = defineCommand({
  path: 'swarm filters add',
  summary: 'Refuse the addresses of networks',
  description: 'Takes effect at once, and is stored in the config. Connections that are open stay open.',
  examples: [{ line: 'tsipfs swarm filters add /ip4/192.168.0.0/ipcidr/16', explains: 'Refuse 192.168.0.0/16.' }],
  needs: 'daemon',
  output: 'value',
  result: { Strings: maybe(['text']) },
  items: { at: 'Strings', name: 'Filter' },
  params: { address: argumentList('address', 'Filters to add', { stdin: true }) },
  async *run(input, { node, signal }): AsyncIterable<Strings> {
    const [{ swarm }, { checkMasks, putFilters, filtersOf }] = await Promise.all([
      node.network({ signal }),
      import('../../../node/network/filter-config.ts'),
    ])
    const added = [...new Set(input.address)]
    checkMasks(added)
    for (const mask of added) swarm.addFilter(mask)
    await node.repo.config.update(config => putFilters(config, [...new Set([...added, ...filtersOf(config)])]))
    yield { Strings: added }
  },
  render: renderStrings,
})
