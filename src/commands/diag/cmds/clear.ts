import { defineCommand } from '../../../contract/command.ts'
import { daemonOf } from '../../_daemon.ts'

export const diagCmdsClear = defineCommand({
  path: 'diag cmds clear',
  summary: 'Clear inactive requests from the log',
  examples: [{ line: 'tsipfs diag cmds clear', explains: 'Forget the commands that have ended.' }],
  needs: 'daemon',
  output: 'nothing',
  params: {},
  async *run(_, { node }) {
    daemonOf(node).requests.clear()
  },
})
