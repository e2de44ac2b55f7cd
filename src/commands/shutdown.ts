import { defineCommand } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'

export const shutdown = defineCommand({
  path: 'shutdown',
  summary: 'End the daemon',
  description: 'Tells the daemon to end, and returns; "tsipfs daemon stop" also waits until it is gone.',
  examples: [{ line: 'tsipfs shutdown', explains: 'End the daemon of this repo.' }],
  needs: 'daemon',
  output: 'nothing',
  params: {},
  async *run(_, { node }) {
    if (node.daemon === undefined) throw new Failure('needs-daemon', 'daemon not running')
    node.daemon.stop()
  },
})
