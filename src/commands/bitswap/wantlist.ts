import { defineCommand } from '../../contract/command.ts'
import { text } from '../../contract/params.ts'
import { maybe } from '../../contract/shape.ts'

interface KeyList {
  readonly Keys: readonly { readonly '/': string }[] | null
}

export const bitswapWantlist = defineCommand({
  path: 'bitswap wantlist',
  summary: 'List the blocks that are wanted',
  description: 'Lists the blocks that the daemon waits for, or, with --peer, those that a peer wants of it.',
  examples: [
    { line: 'tsipfs bitswap wantlist', explains: 'List what is being fetched.' },
    { line: 'tsipfs bitswap wantlist -p 12D3KooW…', explains: 'List what a peer wants.' },
  ],
  needs: 'daemon',
  output: 'value',
  result: { Keys: maybe(['link']) },
  items: { at: 'Keys' },
  params: {
    peer: text('The peer whose wants to list; this node when not given', { short: 'p', complete: 'peer' }),
  },
  async *run(input, { node, globals, signal }) {
    const [{ formatCid }, { parsePeer }] = await Promise.all([
      import('../../node/cid.ts'),
      import('../../node/network/addresses.ts'),
    ])
    const { bitswap, peerId } = await node.network({ signal })
    const peer = input.peer === undefined ? undefined : parsePeer(input.peer).toString()
    const cids = bitswap.wantlist(peer === peerId ? undefined : peer)
    cids.sort((a, b) => Buffer.compare(a.bytes, b.bytes))
    const list: KeyList = { Keys: cids.map(cid => ({ '/': formatCid(cid, globals) })) }
    yield list
  },
  async render(outputs, { out }) {
    for await (const { Keys } of outputs) for (const key of Keys ?? []) await out.write(`${key['/']}\n`)
  },
})
