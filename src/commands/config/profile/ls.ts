import { defineCommand } from '../../../contract/command.ts'
import { alignColumns } from '../../_table.ts'

export const configProfileLs = defineCommand({
  path: 'config profile ls',
  summary: 'List profiles of the config',
  examples: [{ line: 'tsipfs config profile ls', explains: 'See which profiles there are.' }],
  needs: 'nothing',
  result: { Name: 'text', Description: 'text', InitOnly: 'flag' },
  params: {},
  async *run() {
    const { PROFILES } = await import('../../../repo/profiles.ts')
    for (const [Name, { description, initOnly }] of Object.entries(PROFILES)) {
      yield { Name, Description: description, InitOnly: initOnly === true }
    }
  },
  async render(outputs, { out }) {
    const lines: string[] = []
    for await (const { Name, Description, InitOnly } of outputs) {
      lines.push(`${Name}\t${Description}${InitOnly ? ' (init only)' : ''}`)
    }
    for (const line of alignColumns(lines, 0)) await out.write(`${line}\n`)
  },
})
