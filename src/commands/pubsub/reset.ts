import { defineCommand } from '../../contract/command.ts'
import { text } from '../../contract/params.ts'

export const pubsubReset = defineCommand({
  path: 'pubsub reset',
  summary: 'Forget the sequence numbers that guard against replay',
  description:
    'Messages carry numbers that grow, and a number that goes back is refused, so that old messages cannot be sent ' +
    'again. A peer that has once sent a number that is far too high is refused from then on: this forgets it.',
  needs: 'network',
  output: 'value',
  writes: true,
  experimental: true,
  result: { deleted: 'int' },
  params: { peer: text('Forget those of this peer only', { short: 'p', complete: 'peer', placeholder: 'PEER' }) },
  async *run(input, { node, globals, signal }) {
    const { formatPeerId, parsePeerId } = await import('../../node/peer-id.ts')
    const peer = input.peer ? formatPeerId(parsePeerId(input.peer), undefined) : undefined
    if (node.daemon !== undefined && !globals.offline) {
      const { pubsub } = await node.network({ signal })
      yield { deleted: await pubsub.reset(peer) }
      return
    }
    const { forgetSequenceNumbers } = await import('../../node/network/replay-guard.ts')
    yield { deleted: await forgetSequenceNumbers(node.repo.values, peer) }
  },
  async render(outputs, { input, out }) {
    for await (const { deleted } of outputs) {
      if (!input.peer) await out.write(`Reset validator state for ${deleted} peer(s)\n`)
      else if (deleted === 0) await out.write(`No validator state found for peer ${input.peer}\n`)
      else await out.write(`Reset validator state for peer ${input.peer}\n`)
    }
  },
})
