import { defineCommand } from '../../../contract/command.ts'
import { argumentList } from '../../../contract/params.ts'

export const swarmPeeringAdd = defineCommand({
  path: 'swarm peering add',
  summary: 'Stay connected to peers',
  description:
    'Connects, and connects again whenever the connection is lost, after waiting longer each time. Lasts until the ' +
    'daemon ends; Peering.Peers in the config is for good.',
  examples: [{ line: 'tsipfs swarm peering add /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW…', explains: 'Keep a peer.' }],
  needs: 'daemon',
  result: { ID: 'text', Status: 'text' },
  params: { address: argumentList('address', 'Addresses of peers to stay connected to', { complete: 'address' }) },
  async *run(input, { node, signal }) {
    const [{ peering }, { parseTarget }] = await Promise.all([
      node.network({ signal }),
      import('../../../node/network/addresses.ts'),
    ])
    for (const address of input.address) parseTarget(address)
    const peers = new Set(input.address.map(address => peering.add(address)))
    for (const ID of peers) yield { ID, Status: 'success' }
  },
  async render(outputs, { out }) {
    for await (const { ID, Status } of outputs) await out.write(`add ${ID} ${Status}\n`)
  },
})
