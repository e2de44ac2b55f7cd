import { defineCommand } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import { argument, int } from '../contract/params.ts'
import type { PeerTarget } from '../node/network/addresses.ts'
import type { Routing } from '../node/network/network.ts'

interface Ping {
  readonly Success: boolean
  /** Nanoseconds. */
  readonly Time: number
  readonly Text: string
}

const INTERVAL_MS = 1_000

export const ping = defineCommand({
  path: 'ping',
  summary: 'Measure the round trip to a peer',
  description: 'Finds the peer, sends it 32 bytes a second and waits for their return. Fails when nothing came back.',
  examples: [{ line: 'tsipfs ping -n 3 12D3KooW…', explains: 'Send three.' }],
  needs: 'network',
  worksWithoutRepo: true,
  result: { Success: 'flag', Time: 'int: nanoseconds', Text: 'text' },
  params: {
    peer: argument('peer ID', 'The peer, by its id or by an address that ends in /p2p/<peer id>', {
      stdin: true,
      complete: 'peer',
    }),
    count: int('How many to send', { short: 'n', initial: 10 }),
  },
  async *run(input, { node, signal, answer }): AsyncIterable<Ping> {
    if (input.count <= 0) throw new Failure('usage', `ping count must be greater than 0, was ${input.count}`)
    const [{ swarm, routing, peerId }, { targetOfText }, { setTimeout: sleep }] = await Promise.all([
      node.network({ signal }),
      import('../node/network/addresses.ts'),
      import('node:timers/promises'),
    ])
    const { peer, address } = readTarget(input.peer, targetOfText)
    const id = peer.toString()
    if (id === peerId) throw new Failure('usage', "error: can't ping self")
    if (address !== undefined) await swarm.connect(`${address}/p2p/${id}`, { signal })
    answer?.begin()
    const known = await swarm.known()
    if (!known.some(other => other.peer === id && other.addresses.length > 0)) {
      yield { Success: true, Time: 0, Text: `Looking up peer ${id}` }
      await lookUp(routing, id, signal)
    }
    yield { Success: true, Time: 0, Text: `PING ${id}.` }
    const times: number[] = []
    let last: unknown
    for (let sent = 0; sent < input.count; sent++) {
      if (sent > 0) await sleep(INTERVAL_MS, undefined, { signal })
      try {
        const ms = await swarm.ping(id, { signal })
        times.push(ms)
        yield { Success: true, Time: Math.round(ms * 1e6), Text: '' }
      } catch (error) {
        if (!(error instanceof Failure)) throw error
        last = error
        yield { Success: false, Time: 0, Text: `Ping error: ${error.message}` }
        // Who was not reached at first is not asked again, as in Kubo.
        if (times.length === 0) break
      }
    }
    if (times.length === 0) throw failed(last)
    const average = times.reduce((sum, ms) => sum + ms, 0) / times.length
    yield { Success: true, Time: 0, Text: `Average latency: ${average.toFixed(2)}ms` }
  },
  async render(outputs, { out }) {
    for await (const { Success, Time, Text } of outputs) {
      if (Text !== '') await out.write(`${Text}\n`)
      else if (Success) await out.write(`Pong received: time=${(Time / 1e6).toFixed(2)} ms\n`)
      else await out.write('Pong failed\n')
    }
  },
})

function readTarget(text: string, read: (text: string) => PeerTarget): PeerTarget {
  try {
    return read(text)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const { kind, message, hint } = error
    throw new Failure(kind, `failed to parse peer address '${text}': ${message}`, { hint, cause: error })
  }
}

async function lookUp(routing: Routing, peer: string, signal: AbortSignal): Promise<void> {
  try {
    await routing.findPeer(peer, { signal })
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    throw new Failure(error.kind, `peer lookup failed: ${error.message}`, { cause: error, hint: error.hint })
  }
}

function failed(cause: unknown): Failure {
  const kind = cause instanceof Failure ? cause.kind : 'network'
  return new Failure(kind, 'ping failed', { cause, hint: cause instanceof Failure ? cause.hint : undefined })
}
