import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { files } from '../../contract/params.ts'

export const configReplace = defineCommand({
  path: 'config replace',
  summary: 'Put another config in place of this one',
  description:
    'Reads a config from a file, or from standard input when the name is -. The identity stays as it is, whatever the ' +
    'file says.',
  examples: [{ line: 'tsipfs config replace config.json', explains: 'Use the config that this file holds.' }],
  needs: 'repo',
  output: 'nothing',
  writes: true,
  params: { file: files('file', 'The file with the new config', { many: false, stdin: false }) },
  async *run(_, { node, source }): AsyncIterable<never> {
    yield* []
    const [{ configFrom }, { replaceConfig }] = await Promise.all([
      import('../../node/config-source.ts'),
      import('../../repo/config-change.ts'),
    ])
    const replacement = await configFrom(source)
    if (replacement === undefined) throw new Failure('usage', 'expected a file argument')
    await replaceConfig(node.repo.config, replacement)
  },
})
