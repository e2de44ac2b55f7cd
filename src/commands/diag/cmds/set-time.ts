import { defineCommand } from '../../../contract/command.ts'
import { parseDuration } from '../../../contract/duration.ts'
import { argument } from '../../../contract/params.ts'
import { daemonOf } from '../../_daemon.ts'

export const diagCmdsSetTime = defineCommand({
  path: 'diag cmds set-time',
  summary: 'Set how long to keep inactive requests in the log',
  examples: [{ line: 'tsipfs diag cmds set-time 10m', explains: 'List a command for ten minutes after its end.' }],
  needs: 'daemon',
  output: 'nothing',
  params: { time: argument('time', 'Time to keep inactive requests in log') },
  check(input) {
    parseDuration(input.time)
  },
  async *run(input, { node }) {
    daemonOf(node).requests.setKeepTime(parseDuration(input.time))
  },
})
