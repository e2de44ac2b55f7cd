import { defineCommand } from '../../contract/command.ts'
import { formatDuration } from '../../contract/duration.ts'
import { Failure } from '../../contract/failure.ts'
import { optionalArgumentList } from '../../contract/params.ts'
import { alignColumns } from '../_table.ts'

const NAMES = ['wan', 'lan', 'wanserver', 'lanserver']
const WIDTH_MIN = 4

export const statsDht = defineCommand({
  path: 'stats dht',
  summary: 'Show the routing tables of the DHTs',
  description: 'Lists the peers in the tables of the public DHT (wan) and of the one of private networks (lan).',
  examples: [{ line: 'tsipfs stats dht lan', explains: 'List the peers of the local network.' }],
  needs: 'daemon',
  result: {
    Name: 'text',
    Buckets: [
      {
        LastRefresh: 'text',
        Peers: [{ ID: 'text', Connected: 'flag', AgentVersion: 'text', LastUsefulAt: 'text', LastQueriedAt: 'text' }],
      },
    ],
  },
  params: { dht: optionalArgumentList('dht', 'Tables to list: wan, lan, wanserver or lanserver; wan and lan if none') },
  check(input) {
    const other = input.dht.find(name => !NAMES.includes(name))
    if (other !== undefined) throw new Failure('usage', `unknown dht type: ${other}`, { badRequest: true })
  },
  async *run(input, { node, signal }) {
    const { routing } = await node.network({ signal })
    const tables = await routing.tables()
    if (tables.length === 0) throw new Failure('failed', 'routing service is not a DHT')
    for (const Name of input.dht.length === 0 ? ['wan', 'lan'] : input.dht) {
      const table = tables.find(({ name }) => Name.startsWith(name))
      yield {
        Name,
        Buckets: (table?.buckets ?? []).map(({ lastRefresh, peers }) => ({
          LastRefresh: timeOrEmpty(lastRefresh),
          Peers: peers.map(peer => ({
            ID: peer.peer,
            Connected: peer.connected,
            AgentVersion: peer.agentVersion,
            LastUsefulAt: timeOrEmpty(peer.lastUsefulMs),
            LastQueriedAt: timeOrEmpty(peer.lastQueriedMs),
          })),
        })),
      }
    }
  },
  async render(outputs, { out }) {
    const { escapeName } = await import('../_escape.ts')
    for await (const { Name, Buckets } of outputs) {
      const count = (Buckets ?? []).reduce((sum, { Peers }) => sum + (Peers?.length ?? 0), 0)
      const lines = [`DHT ${Name} (${count} peers):\t\t\t`]
      for (const [at, { LastRefresh, Peers: listed }] of (Buckets ?? []).entries()) {
        // Kubo's empty lists are null.
        const Peers = listed ?? []
        const refreshed = ago(LastRefresh)
        lines.push(`  Bucket ${String(at).padStart(2)} (${Peers.length} peers) - refreshed ${refreshed}:\t\t\t`)
        lines.push('    Peer\tlast useful\tlast queried\tAgent Version')
        for (const peer of Peers) {
          const agent = escapeName(peer.AgentVersion)
          const times = [ago(peer.LastUsefulAt), ago(peer.LastQueriedAt)]
          lines.push([`  ${peer.Connected ? '@' : ' '} ${peer.ID}`, ...times, agent].join('\t'))
        }
        lines.push('\t\t\t')
      }
      await out.write(`${alignColumns(lines, WIDTH_MIN, 2).join('\n')}\n`)
    }
  },
})

function timeOrEmpty(ms: number | undefined): string {
  return ms === undefined ? '' : `${new Date(ms).toISOString().slice(0, 19)}Z`
}

function ago(time: string): string {
  if (time === '') return 'never'
  return `${formatDuration(Math.round((Date.now() - Date.parse(time)) / 1000) * 1000)} ago`
}
