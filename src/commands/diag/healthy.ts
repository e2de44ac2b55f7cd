import { defineCommand, type Plain } from '../../contract/command.ts'
import { formatDuration } from '../../contract/duration.ts'
import { Failure } from '../../contract/failure.ts'
import { daemonOf } from '../_daemon.ts'

/** The empty folder, which every repo holds: reading it shows that blocks can be read at all. */
const EMPTY_FOLDER = 'QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn'

export const diagHealthy = defineCommand({
  path: 'diag healthy',
  summary: 'Report whether the daemon is operational',
  description: `Ends with 0 when the daemon runs and can read the empty folder, else with another status. Made for the health checks of containers.`,
  examples: [{ line: 'tsipfs diag healthy', explains: 'Prints ok.' }],
  needs: 'daemon',
  output: 'value',
  result: 'text: ok',
  params: {},
  async *run(_, { node, signal }): AsyncIterable<Plain> {
    const { stoppedAt } = daemonOf(node)
    if (stoppedAt !== undefined) {
      const ago = formatDuration(Math.round((Date.now() - stoppedAt) / 1000) * 1000)
      throw new Failure('failed', `daemon is shutting down (started ${ago} ago)`)
    }
    const { CID } = await import('multiformats/cid')
    await node.repo.blocks.get(CID.parse(EMPTY_FOLDER), { signal })
    // Kubo's answer is a bare JSON string.
    yield 'ok' as unknown as Plain
  },
  async render(outputs, { out }) {
    for await (const answer of outputs) await out.write(`${String(answer)}\n`)
  },
})
