import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { text } from '../../contract/params.ts'
import { daemonOf } from '../_daemon.ts'

export const logTail = defineCommand({
  path: 'log tail',
  summary: 'Read and output log messages',
  description: `Prints what the daemon logs from now on, one JSON object a line. What it logs at all is a matter of "tsipfs log level".`,
  examples: [{ line: 'tsipfs log tail --log-level=warn', explains: 'Follow warnings and errors.' }],
  needs: 'daemon',
  output: 'bytes',
  experimental: true,
  params: { logLevel: text('Log level to listen to', { initial: '', placeholder: 'level' }) },
  async *run(input, { node, signal, answer }) {
    const { isLevel, LOG_LEVELS } = await import('../../node/daemon-log.ts')
    const { log } = daemonOf(node)
    const least = isLevel(input.logLevel) ? input.logLevel : undefined
    if (input.logLevel !== '' && least === undefined) {
      throw new Failure('usage', `setting log level ${input.logLevel}: unrecognized level: "${input.logLevel}"`, {
        hint: `use one of ${LOG_LEVELS.join(', ')}`,
      })
    }
    answer?.begin()
    for await (const entry of log.follow(least, signal)) yield Buffer.from(`${JSON.stringify(entry)}\n`)
  },
})
