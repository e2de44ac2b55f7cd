import { defineCommand } from '../../contract/command.ts'

interface Addresses {
  readonly Addrs: Readonly<Record<string, readonly string[]>>
}

export const swarmAddrs = defineCommand({
  path: 'swarm addrs',
  summary: 'List known addresses of peers',
  examples: [{ line: 'tsipfs swarm addrs', explains: 'Show every peer whose addresses are known.' }],
  needs: 'daemon',
  refusesOffline: true,
  output: 'value',
  result: { Addrs: { '*': ['text'] } },
  items: { at: 'Addrs', name: 'Peer' },
  params: {},
  async *run(_, { node, signal }): AsyncIterable<Addresses> {
    const { swarm } = await node.network({ signal })
    const known = await swarm.known()
    yield { Addrs: Object.fromEntries(known.map(({ peer, addresses }) => [peer, addresses])) }
  },
  async render(outputs, { out }) {
    for await (const { Addrs } of outputs) {
      for (const [peer, addresses] of Object.entries(Addrs).sort(([a], [b]) => (a < b ? -1 : 1))) {
        await out.write(`${peer} (${addresses.length})\n`)
        for (const address of addresses) await out.write(`\t${address}\n`)
      }
    }
  },
})
