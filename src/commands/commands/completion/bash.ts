import { defineCommand } from '../../../contract/command.ts'

export const commandsCompletionBash = defineCommand({
  path: 'commands completion bash',
  summary: 'Print the completion script for bash',
  description:
    'The script asks tsipfs at every TAB, so it never grows old: commands, options, files, pinned names, keys, topics and MFS paths are completed.',
  examples: [{ line: '. <(tsipfs commands completion bash)', explains: 'Turn completion on.' }],
  needs: 'nothing',
  localOnly: true,
  output: 'bytes',
  params: {},
  async *run() {
    const { completionScript } = await import('../../_completion-scripts.ts')
    yield new TextEncoder().encode(completionScript('bash'))
  },
})
