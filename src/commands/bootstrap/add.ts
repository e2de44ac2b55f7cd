import { defineCommand } from '../../contract/command.ts'
import { optionalArgumentList } from '../../contract/params.ts'
import { type Peers, renderPeers } from './_peers.ts'

export const bootstrapAdd = defineCommand({
  path: 'bootstrap add',
  summary: 'Add peers to the bootstrap list',
  description: '"default" and "auto" add those that the program knows.',
  examples: [{ line: 'tsipfs bootstrap add /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW…', explains: 'Begin with this peer.' }],
  needs: 'repo',
  createsRepo: true,
  writes: true,
  output: 'value',
  result: { Peers: ['text'] },
  items: { at: 'Peers', name: 'Peer' },
  params: { peer: optionalArgumentList('peer', 'Addresses that end in /p2p/ and a peer id', { stdin: true }) },
  async *run(input, { node }): AsyncIterable<Peers> {
    const { addBootstrap } = await import('../../node/bootstrap-list.ts')
    yield { Peers: await addBootstrap(node.repo.config, input.peer) }
  },
  render: renderPeers('added '),
})
