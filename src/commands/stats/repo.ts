import { defineCommand } from '../../contract/command.ts'
import { renderStat, statParams, statRepo } from '../repo/stat.ts'

export const statsRepo = defineCommand({
  path: 'stats repo',
  summary: 'Show sizes and counts of the repo',
  description: 'Does the same as "tsipfs repo stat".',
  examples: [{ line: 'tsipfs stats repo --human', explains: 'Show sizes in units.' }],
  needs: 'repo',
  output: 'value',
  result: { RepoSize: 'int', StorageMax: 'int', NumObjects: 'int', RepoPath: 'text', Version: 'text' },
  params: statParams,
  run: statRepo,
  render: renderStat,
})
