import { defineCommand } from '../../contract/command.ts'
import { int } from '../../contract/params.ts'

export const swarmWait = defineCommand({
  path: 'swarm wait',
  summary: 'Wait until peers are connected',
  description: 'Returns as soon as so many peers are connected. Limit the wait with --timeout.',
  examples: [{ line: 'tsipfs swarm wait --peers=3 --timeout=30s', explains: 'Wait for three peers, half a minute.' }],
  needs: 'daemon',
  refusesOffline: true,
  output: 'value',
  result: { Peers: 'int: peers that are connected' },
  params: { peers: int('How many peers', { short: 'n', initial: 1, min: 1 }) },
  async *run(input, { node, signal }) {
    const { swarm } = await node.network({ signal })
    await swarm.whenConnected(input.peers, { signal })
    yield { Peers: new Set(swarm.connections().map(({ peer }) => peer)).size }
  },
  async render(outputs, { out }) {
    for await (const { Peers } of outputs) await out.write(`${Peers}\n`)
  },
})
