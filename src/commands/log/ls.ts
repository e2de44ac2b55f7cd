import { defineCommand } from '../../contract/command.ts'
import { daemonOf } from '../_daemon.ts'

export const logLs = defineCommand({
  path: 'log ls',
  summary: 'List the logging subsystems',
  examples: [{ line: 'tsipfs log ls', explains: 'One subsystem a line.' }],
  needs: 'daemon',
  output: 'value',
  result: { Strings: ['text'] },
  items: { at: 'Strings', name: 'Name' },
  params: {},
  async *run(_, { node }) {
    yield { Strings: Object.keys(daemonOf(node).log.levels()) }
  },
  async render(outputs, { out }) {
    for await (const { Strings } of outputs) for (const name of Strings) await out.write(`${name}\n`)
  },
})
