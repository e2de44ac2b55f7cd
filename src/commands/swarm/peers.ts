import { defineCommand } from '../../contract/command.ts'
import { flag } from '../../contract/params.ts'
import { maybe } from '../../contract/shape.ts'

interface Peers {
  readonly Peers: readonly PeerRecord[] | null
}

interface PeerRecord {
  readonly Addr: string
  readonly Peer: string
  readonly Latency?: string
  readonly Direction?: number
  readonly Streams?: readonly { readonly Protocol: string }[]
  readonly Identify: Identify
}

interface Identify {
  readonly ID: string
  readonly PublicKey: string
  readonly Addresses: readonly string[] | null
  readonly AgentVersion: string
  readonly Protocols: readonly string[] | null
}

const NOTHING: Identify = { ID: '', PublicKey: '', Addresses: null, AgentVersion: '', Protocols: null }
/** libp2p's numbers. */
const DIRECTIONS = { inbound: 1, outbound: 2 }

export const swarmPeers = defineCommand({
  path: 'swarm peers',
  summary: 'List peers with open connections',
  description: 'One line for each connection: the address of the other end, with its peer id.',
  examples: [
    { line: 'tsipfs swarm peers', explains: 'List who is connected.' },
    { line: 'tsipfs swarm peers -v --enc=json', explains: 'Show everything that is known of them.' },
  ],
  needs: 'daemon',
  refusesOffline: true,
  output: 'value',
  result: {
    Peers: maybe([
      {
        Addr: 'text',
        Peer: 'text',
        'Latency?': 'text',
        'Direction?': 'int: 1 inbound, 2 outbound',
        'Streams?': [{ Protocol: 'text' }],
        Identify: {
          ID: 'text',
          PublicKey: 'text',
          Addresses: maybe(['text']),
          AgentVersion: 'text',
          Protocols: maybe(['text']),
        },
      },
    ]),
  },
  items: { at: 'Peers' },
  params: {
    verbose: flag('Show everything', { short: 'v' }),
    streams: flag('Show open streams too'),
    latency: flag('Show the latency too'),
    direction: flag('Show who opened the connection too'),
    identify: flag('Show what peers say about themselves too'),
  },
  async *run(input, { node, signal }): AsyncIterable<Peers> {
    const { swarm } = await node.network({ signal })
    const { formatDuration } = await import('../../contract/duration.ts')
    const peers: PeerRecord[] = []
    for (const { peer, address, direction, latencyMs, streams } of swarm.connections()) {
      const known = input.verbose || input.identify ? await swarm.identified(peer) : undefined
      peers.push({
        Addr: address,
        Peer: peer,
        ...(input.verbose || input.latency
          ? { Latency: latencyMs === undefined ? 'n/a' : formatDuration(latencyMs) }
          : {}),
        ...(input.verbose || input.direction ? { Direction: DIRECTIONS[direction] } : {}),
        ...((input.verbose || input.streams) && streams.length > 0
          ? { Streams: [...streams].sort().map(Protocol => ({ Protocol })) }
          : {}),
        Identify:
          known === undefined
            ? NOTHING
            : {
                ID: known.peer,
                PublicKey: known.publicKey,
                Addresses: known.addresses.length === 0 ? null : [...known.addresses].sort(),
                AgentVersion: known.agentVersion,
                Protocols: known.protocols.length === 0 ? null : known.protocols,
              },
      })
    }
    peers.sort((a, b) => (a.Addr < b.Addr ? -1 : a.Addr > b.Addr ? 1 : 0))
    yield { Peers: peers.length === 0 ? null : peers }
  },
  async render(outputs, { out }) {
    const { escapeName } = await import('../_escape.ts')
    for await (const { Peers } of outputs) {
      for (const { Addr, Peer, Latency, Direction, Streams } of Peers ?? []) {
        const latency = Latency === undefined ? '' : ` ${Latency}`
        const direction = Direction === undefined ? '' : Direction === DIRECTIONS.inbound ? ' inbound' : ' outbound'
        await out.write(`${Addr}/p2p/${Peer}${latency}${direction}\n`)
        for (const { Protocol } of Streams ?? []) {
          await out.write(`  ${Protocol === '' ? '<no protocol name>' : escapeName(Protocol)}\n`)
        }
      }
    }
  },
})
