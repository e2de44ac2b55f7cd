import { defineCommand } from '../../contract/command.ts'
import { argumentList, flag } from '../../contract/params.ts'

export const provideOnce = defineCommand({
  path: 'provide once',
  summary: 'Announce CIDs to the network on demand',
  description:
    'Queues CIDs to be announced at once. What is announced again and again (Provide.Strategy, Provide.DHT.Interval) ' +
    'stays as it is. The blocks must be in the repo. "provide stat" tells how far it is.',
  examples: [
    { line: 'tsipfs provide once bafy…', explains: 'Announce one block.' },
    { line: 'tsipfs provide once -r < roots.txt', explains: 'Announce DAGs, their CIDs one a line.' },
  ],
  needs: 'daemon',
  experimental: true,
  result: { Queued: 'cid' },
  params: {
    cid: argumentList('cid', 'The CIDs to announce', { stdin: true, complete: 'cid' }),
    recursive: flag('Announce all blocks below them too', { short: 'r' }),
  },
  async *run(input, { node, signal }) {
    const { checkProviding, queueCids } = await import('../../node/provide-now.ts')
    const words = {
      disabled: 'cannot provide: Provide.Enabled is false',
      alone: 'cannot provide: no connected peers',
    }
    const { providing } = await checkProviding(node, words, { signal })
    for await (const cid of queueCids(node, input.cid, { recursive: input.recursive, signal })) {
      yield { Queued: cid.toString() }
      providing.wake()
    }
    providing.wake()
  },
  async render(outputs, { out, progress }) {
    let count = 0
    for await (const _ of outputs) {
      count += 1
      progress.update({ label: `queued ${count} CID(s) for immediate provide`, done: count, unit: 'items' })
    }
    await progress.clear()
    await out.write(`queued ${count} CID(s) for immediate provide\n`)
  },
})
