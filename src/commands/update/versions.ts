import { defineCommand } from '../../contract/command.ts'
import { flag, int } from '../../contract/params.ts'
import { noUpdates } from './_none.ts'

export const updateVersions = defineCommand({
  path: 'update versions',
  summary: 'List versions to install (not supported)',
  description: 'Accepted and refused: tsipfs does not replace its own executable.',
  needs: 'nothing',
  localOnly: true,
  result: 'any',
  params: {
    count: int('How many versions to list', { short: 'n', initial: 30 }),
    pre: flag('Consider pre-releases too'),
  },
  async *run(): AsyncIterable<never> {
    yield* []
    throw noUpdates('update versions')
  },
})
