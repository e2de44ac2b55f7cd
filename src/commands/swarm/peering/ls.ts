import { defineCommand } from '../../../contract/command.ts'

export const swarmPeeringLs = defineCommand({
  path: 'swarm peering ls',
  summary: 'List the peers to stay connected to',
  examples: [{ line: 'tsipfs swarm peering ls', explains: 'List them, with the addresses that were given.' }],
  needs: 'daemon',
  output: 'value',
  result: { Peers: [{ ID: 'text', Addrs: ['text'] }] },
  items: { at: 'Peers' },
  params: {},
  async *run(_, { node, signal }) {
    const { peering } = await node.network({ signal })
    yield { Peers: peering.list().map(({ peer, addresses }) => ({ ID: peer, Addrs: addresses })) }
  },
  async render(outputs, { out }) {
    for await (const { Peers } of outputs) {
      for (const { ID, Addrs } of Peers) {
        await out.write(`${ID}\n`)
        for (const address of Addrs ?? []) await out.write(`\t${address}\n`)
      }
    }
  },
})
