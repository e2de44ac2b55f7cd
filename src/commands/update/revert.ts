import { defineCommand } from '../../contract/command.ts'
import { noUpdates } from './_none.ts'

export const updateRevert = defineCommand({
  path: 'update revert',
  summary: 'Go back to the version before (not supported)',
  description: 'Accepted and refused: tsipfs does not replace its own executable.',
  needs: 'nothing',
  localOnly: true,
  result: 'any',
  params: {},
  async *run(): AsyncIterable<never> {
    yield* []
    throw noUpdates('update revert')
  },
})
