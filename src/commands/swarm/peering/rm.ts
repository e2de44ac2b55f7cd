import { defineCommand } from '../../../contract/command.ts'
import { argumentList } from '../../../contract/params.ts'

export const swarmPeeringRm = defineCommand({
  path: 'swarm peering rm',
  summary: 'Stop staying connected to peers',
  description: 'A connection that is open stays open.',
  examples: [{ line: 'tsipfs swarm peering rm 12D3KooW…', explains: 'Let a peer go.' }],
  needs: 'daemon',
  result: { ID: 'text', Status: 'text' },
  params: { id: argumentList('ID', 'Ids of the peers', { complete: 'peer' }) },
  async *run(input, { node, signal }) {
    const [{ peering }, { parsePeer }] = await Promise.all([
      node.network({ signal }),
      import('../../../node/network/addresses.ts'),
    ])
    const peers = input.id.map(id => parsePeer(id).toString())
    for (const ID of peers) {
      peering.remove(ID)
      yield { ID, Status: 'success' }
    }
  },
  async render(outputs, { out }) {
    for await (const { ID, Status } of outputs) await out.write(`remove ${ID} ${Status}\n`)
  },
})
