import { defineCommand } from '../../../contract/command.ts'
import { argumentList } from '../../../contract/params.ts'
import { maybe } from '../../../contract/shape.ts'
import { renderStrings, type Strings } from '../../_strings.ts'

export const swarmFiltersRm = defineCommand({
  path: 'swarm filters rm',
  summary: 'Accept the addresses of networks again',
  description: 'Takes effect at once, and in the config. "all" removes every filter.',
  examples: [{ line: 'tsipfs swarm filters rm all', explains: 'Remove every filter.' }],
  needs: 'daemon',
  output: 'value',
  result: { Strings: maybe(['text']) },
  items: { at: 'Strings', name: 'Filter' },
  params: { address: argumentList('address', 'Filters to remove, or "all"', { stdin: true }) },
  async *run(input, { node, signal }): AsyncIterable<Strings> {
    const [{ swarm }, { checkMasks, putFilters, filtersOf }] = await Promise.all([
      node.network({ signal }),
      import('../../../node/network/filter-config.ts'),
    ])
    const isAll = input.address[0] === 'all' || input.address[0] === '*'
    const wanted = isAll ? swarm.filters() : input.address
    checkMasks(wanted)
    for (const mask of wanted) swarm.removeFilter(mask)
    let removed: string[] = []
    await node.repo.config.update(config => {
      const stored = filtersOf(config)
      removed = stored.filter(mask => isAll || wanted.includes(mask))
      return putFilters(
        config,
        stored.filter(mask => !removed.includes(mask)),
      )
    })
    yield { Strings: isAll && removed.length === 0 ? null : removed }
  },
  render: renderStrings,
})
