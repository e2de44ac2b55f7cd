import { defineCommand, type Plain } from '../../contract/command.ts'
import { flag } from '../../contract/params.ts'

export const provideClear = defineCommand({
  path: 'provide clear',
  summary: 'Forget what waits to be provided',
  description:
    'Empties the queue of what was added and not yet announced to the network. What is announced again and again ' +
    '(Provide.DHT.Interval) stays so.',
  examples: [{ line: 'tsipfs provide clear', explains: 'Print how many were forgotten.' }],
  needs: 'repo',
  experimental: true,
  writes: true,
  output: input => (input.quiet ? 'nothing' : 'stream'),
  result: 'int: how many were left out',
  params: { quiet: flag('Print nothing', { short: 'q' }) },
  async *run(input, { node }): AsyncIterable<Plain> {
    const { clearQueue } = await import('../../node/provide-clear.ts')
    const count = await clearQueue(node.repo.values)
    // Kubo's answer is a bare number.
    if (!input.quiet) yield count as unknown as Plain
  },
  async render(outputs, { out }) {
    for await (const count of outputs) await out.write(`removed ${String(count)} items from provide queue\n`)
  },
})
