import { defineCommand } from '../../contract/command.ts'
import { formatDuration } from '../../contract/duration.ts'
import { flag } from '../../contract/params.ts'
import { maybe } from '../../contract/shape.ts'
import type { RequestRecord } from '../../node/request-list.ts'
import { daemonOf } from '../_daemon.ts'

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')

export const diagCmds = defineCommand({
  path: 'diag cmds',
  summary: 'List commands run on this node',
  description: 'Lists the commands that run in the daemon, and those that ended lately.',
  examples: [{ line: 'tsipfs diag cmds -v', explains: 'Show arguments and options too.' }],
  needs: 'daemon',
  output: 'value',
  result: maybe([
    {
      StartTime: 'time',
      EndTime: 'time',
      Active: 'flag',
      Command: 'text',
      Options: { '*': 'any' },
      Args: ['text'],
      ID: 'int',
    },
  ]),
  params: { verbose: flag('Print more', { short: 'v', caller: true }) },
  async *run(_, { node }) {
    yield daemonOf(node).requests.list()
  },
  async render(outputs, { out, input }) {
    for await (const records of outputs) {
      const head = ['Command', 'Active', 'StartTime', 'RunTime']
      if (input.verbose) head.splice(0, 1, 'ID', 'Command', 'Arguments', 'Options')
      const rows = records.map(record => row(record, input.verbose))
      await out.write(table([head, ...rows]))
    }
  },
})

function row(record: RequestRecord, isVerbose: boolean): string[] {
  const start = new Date(record.StartTime)
  const end = record.Active ? Date.now() : Date.parse(record.EndTime)
  const names = Object.keys(record.Options).sort()
  const details = [`[${record.Args.join(' ')}]`, `[${names.map(name => `${name}=${record.Options[name]},`).join('')}]`]
  return [
    ...(isVerbose ? [String(record.ID)] : []),
    record.Command,
    ...(isVerbose ? details : []),
    String(record.Active),
    stamp(start),
    formatDuration(Math.max(0, end - start.getTime())),
  ]
}

/** Returns a time as Go's `time.Stamp` does: `Jan _2 15:04:05`. */
function stamp(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')
  return `${MONTHS[time.getMonth()]} ${String(time.getDate()).padStart(2)} ${clock}`
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map(cells => cells[column]?.length ?? 0))) ?? []
  const line = (cells: readonly string[]): string =>
    cells.map((cell, column) => (column === cells.length - 1 ? cell : cell.padEnd((widths[column] ?? 0) + 2))).join('')
  return rows.map(cells => `${line(cells)}\n`).join('')
}
