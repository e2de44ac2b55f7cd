import { defineCommand } from '../../contract/command.ts'
import { optionalArgument } from '../../contract/params.ts'
import { daemonOf } from '../_daemon.ts'

interface Levels {
  readonly Levels?: Readonly<Record<string, string>>
  readonly Message?: string
}

export const logLevel = defineCommand({
  path: 'log level',
  summary: 'Change or get the logging level',
  description: `Without arguments prints the default level, with a subsystem its level, with "all" or "*" every level. With a level sets it; "default" stands for the present default level, which only "all" changes.`,
  examples: [
    { line: 'tsipfs log level bitswap debug', explains: 'Log all that Bitswap does.' },
    { line: 'tsipfs log level all', explains: 'Show the level of each subsystem.' },
  ],
  needs: 'daemon',
  output: 'value',
  result: { 'Levels?': { '*': 'text' }, 'Message?': 'text' },
  params: {
    subsystem: optionalArgument('subsystem', 'The subsystem; "all" or "*" for every one'),
    level: optionalArgument('level', 'debug, info, warn, error, dpanic, panic, fatal or default'),
  },
  async *run(input, { node }): AsyncIterable<Levels> {
    const { log } = daemonOf(node)
    const subsystem = input.subsystem === 'all' ? '*' : (input.subsystem ?? '')
    if (input.level !== undefined && input.level !== '') {
      const level = input.level === 'default' ? log.defaultLevel : input.level
      log.setLevel(subsystem, level)
      yield { Message: `Changed log level of '${subsystem}' to '${level}'\n` }
    } else if (subsystem === '') yield { Levels: { '': log.defaultLevel } }
    else if (subsystem === '*') yield { Levels: { '(default)': log.defaultLevel, ...log.levels() } }
    else yield { Levels: { [subsystem]: log.level(subsystem) } }
  },
  async render(outputs, { out }) {
    for await (const { Levels, Message } of outputs) {
      if (Message !== undefined) await out.write(Message)
      const rows = Object.entries(Levels ?? {})
      const lines = rows.map(([name, level]) => (rows.length > 1 ? `${name}: ${level}` : level)).sort()
      for (const line of lines) await out.write(`${line}\n`)
    }
  },
})
