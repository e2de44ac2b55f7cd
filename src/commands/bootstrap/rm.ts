import { defineCommand } from '../../contract/command.ts'
import { flag, optionalArgumentList } from '../../contract/params.ts'
import { type Peers, removeAll, renderPeers } from './_peers.ts'

export const bootstrapRm = defineCommand({
  path: 'bootstrap rm',
  summary: 'Remove peers from the bootstrap list',
  description: 'An address removes that address, /p2p/ and a peer id all addresses of the peer.',
  examples: [{ line: 'tsipfs bootstrap rm /p2p/12D3KooW…', explains: 'Begin with this peer no longer.' }],
  needs: 'repo',
  writes: true,
  output: 'value',
  result: { Peers: ['text'] },
  items: { at: 'Peers', name: 'Peer' },
  params: {
    peer: optionalArgumentList('peer', 'Addresses that end in /p2p/ and a peer id', { stdin: true }),
    all: flag('Remove all peers: the same as bootstrap rm all'),
  },
  async *run(input, context): AsyncIterable<Peers> {
    if (input.all) {
      yield* removeAll(context)
      return
    }
    const { removeBootstrap } = await import('../../node/bootstrap-list.ts')
    yield { Peers: await removeBootstrap(context.node.repo.config, input.peer) }
  },
  render: renderPeers('removed '),
})
