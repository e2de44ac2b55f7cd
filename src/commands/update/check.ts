import { defineCommand } from '../../contract/command.ts'
import { flag } from '../../contract/params.ts'
import { noUpdates } from './_none.ts'

export const updateCheck = defineCommand({
  path: 'update check',
  summary: 'Look for a later version (not supported)',
  description: 'Accepted and refused: tsipfs does not replace its own executable.',
  needs: 'nothing',
  localOnly: true,
  result: 'any',
  params: { pre: flag('Consider pre-releases too') },
  async *run(): AsyncIterable<never> {
    yield* []
    throw noUpdates('update check')
  },
})
