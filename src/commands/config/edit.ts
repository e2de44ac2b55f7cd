import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'

export const configEdit = defineCommand({
  path: 'config edit',
  summary: 'Open the config in an editor',
  description:
    'Runs $VISUAL or $EDITOR on a copy of the config, and puts it in place when it is sound: a file that is broken is ' +
    'refused, and nothing changes.',
  examples: [{ line: 'EDITOR=vi tsipfs config edit', explains: 'Edit the config with vi.' }],
  needs: 'repo',
  localOnly: true,
  output: 'nothing',
  writes: true,
  params: {},
  async *run(_, { node, repoPath }): AsyncIterable<never> {
    yield* []
    await (await import('../../repo/config-edit.ts')).editConfig(repoPath, node.repo.config, editorOf(process.env))
  },
})

function editorOf(env: Readonly<Record<string, string | undefined>>): string {
  const editor = [env.VISUAL, env.EDITOR].find(text => text !== undefined && text !== '')
  if (editor !== undefined) return editor
  throw new Failure('failed', 'ENV variable $EDITOR not set', { hint: 'name an editor: EDITOR=vi tsipfs config edit' })
}
