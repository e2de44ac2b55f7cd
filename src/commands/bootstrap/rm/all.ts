import { defineCommand } from '../../../contract/command.ts'
import { removeAll, renderPeers } from '../_peers.ts'

export const bootstrapRmAll = defineCommand({
  path: 'bootstrap rm all',
  summary: 'Remove all peers from the bootstrap list',
  examples: [{ line: 'tsipfs bootstrap rm all', explains: 'Begin with nobody.' }],
  needs: 'repo',
  writes: true,
  output: 'value',
  result: { Peers: ['text'] },
  items: { at: 'Peers', name: 'Peer' },
  params: {},
  run: (_, context) => removeAll(context),
  render: renderPeers('removed '),
})
