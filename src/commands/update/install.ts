import { defineCommand } from '../../contract/command.ts'
import { flag, optionalArgument } from '../../contract/params.ts'
import { noUpdates } from './_none.ts'

export const updateInstall = defineCommand({
  path: 'update install',
  summary: 'Install another version (not supported)',
  description: 'Accepted and refused: tsipfs does not replace its own executable.',
  needs: 'nothing',
  localOnly: true,
  result: 'any',
  params: {
    version: optionalArgument('version', 'The version to install'),
    pre: flag('Consider pre-releases too'),
    allowDowngrade: flag('Allow an earlier version'),
  },
  async *run(): AsyncIterable<never> {
    yield* []
    throw noUpdates('update install')
  },
})
