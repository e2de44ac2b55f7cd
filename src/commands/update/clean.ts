import { defineCommand } from '../../contract/command.ts'
import { noUpdates } from './_none.ts'

export const updateClean = defineCommand({
  path: 'update clean',
  summary: 'Remove versions that were kept (not supported)',
  description: 'Accepted and refused: tsipfs does not replace its own executable.',
  needs: 'nothing',
  localOnly: true,
  result: 'any',
  params: {},
  async *run(): AsyncIterable<never> {
    yield* []
    throw noUpdates('update clean')
  },
})
