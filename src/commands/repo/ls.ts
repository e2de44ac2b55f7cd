import { defineCommand } from '../../contract/command.ts'
import { localRefs, renderRefs } from '../refs/local.ts'

export const repoLs = defineCommand({
  path: 'repo ls',
  summary: 'List all blocks of the repo',
  description: 'Does the same as "tsipfs refs local".',
  examples: [{ line: 'tsipfs repo ls', explains: 'List the blocks.' }],
  needs: 'repo',
  result: { Ref: 'cid', Err: 'text' },
  params: {},
  run: (_input, context) => localRefs(context),
  render: renderRefs,
})
