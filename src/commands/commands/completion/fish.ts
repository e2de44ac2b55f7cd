import { defineCommand } from '../../../contract/command.ts'

export const commandsCompletionFish = defineCommand({
  path: 'commands completion fish',
  summary: 'Print the completion script for fish',
  description:
    'The script asks tsipfs at every TAB, so it never grows old: commands, options, files, pinned names, keys, topics and MFS paths are completed.',
  examples: [{ line: 'tsipfs commands completion fish | source', explains: 'Turn completion on.' }],
  needs: 'nothing',
  localOnly: true,
  output: 'bytes',
  params: {},
  async *run() {
    const { completionScript } = await import('../../_completion-scripts.ts')
    yield new TextEncoder().encode(completionScript('fish'))
  },
})
