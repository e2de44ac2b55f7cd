import { defineCommand } from '../../../contract/command.ts'

interface Reachability {
  readonly reachability: 'Public' | 'Private' | 'Unknown'
  readonly reachable?: readonly string[]
  readonly unreachable?: readonly string[]
  readonly unknown?: readonly string[]
}

export const swarmAddrsAutonat = defineCommand({
  path: 'swarm addrs autonat',
  summary: 'Show which addresses others can reach',
  description: 'Peers are asked to dial this node (AutoNAT); this shows what they found.',
  examples: [{ line: 'tsipfs swarm addrs autonat', explains: 'Find out whether this node can be dialled.' }],
  needs: 'daemon',
  output: 'value',
  result: {
    reachability: 'text: Public, Private or Unknown',
    'reachable?': ['text'],
    'unreachable?': ['text'],
    'unknown?': ['text'],
  },
  params: {},
  async *run(_, { node, signal }): AsyncIterable<Reachability> {
    const { swarm } = await node.network({ signal })
    const { reachable, unreachable, unknown } = swarm.reachability()
    const isPrivate = unreachable.length > 0 && unknown.length === 0
    yield {
      reachability: reachable.length > 0 ? 'Public' : isPrivate ? 'Private' : 'Unknown',
      ...(reachable.length > 0 ? { reachable } : {}),
      ...(unreachable.length > 0 ? { unreachable } : {}),
      ...(unknown.length > 0 ? { unknown } : {}),
    }
  },
  async render(outputs, { out }) {
    for await (const { reachability, reachable, unreachable, unknown } of outputs) {
      await out.write(`AutoNAT V2 Status:\n  Reachability: ${reachability}\n\nPer-Address Reachability:\n`)
      const sections = { Reachable: reachable, Unreachable: unreachable, Unknown: unknown }
      for (const [label, addresses] of Object.entries(sections)) {
        if (addresses === undefined) continue
        await out.write(`  ${label}:\n${addresses.map(address => `    ${address}\n`).join('')}`)
      }
      const nothing = [reachable, unreachable, unknown].every(addresses => addresses === undefined)
      if (nothing) await out.write('  (no address reachability data available)\n')
    }
  },
})
