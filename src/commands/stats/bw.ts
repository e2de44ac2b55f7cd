import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { flag, text } from '../../contract/params.ts'

interface Bandwidth {
  readonly TotalIn: number
  readonly TotalOut: number
  readonly RateIn: number
  readonly RateOut: number
}

export const statsBw = defineCommand({
  path: 'stats bw',
  summary: 'Show how many bytes the network took',
  description: 'All traffic of the daemon since it started, or that of one peer or one protocol.',
  examples: [
    { line: 'tsipfs stats bw', explains: 'Show totals and rates.' },
    { line: 'tsipfs stats bw --poll --interval=5s', explains: 'Show them every five seconds.' },
  ],
  needs: 'daemon',
  output: input => (input.poll ? 'stream' : 'value'),
  result: { TotalIn: 'int', TotalOut: 'int', RateIn: 'number', RateOut: 'number' },
  params: {
    peer: text('Only what this peer sent and got', { short: 'p', complete: 'peer' }),
    proto: text('Only what went over this protocol', { short: 't' }),
    poll: flag('Show it again and again'),
    interval: text('How long to wait between two times', { short: 'i', initial: '1s', placeholder: 'duration' }),
  },
  check({ peer, proto }) {
    if (peer === undefined || proto === undefined) return
    throw new Failure('usage', 'please only specify peer OR protocol', { badRequest: true })
  },
  async *run(input, { node, signal }): AsyncIterable<Bandwidth> {
    const [{ parseDuration }, { parsePeer }, { setTimeout: sleep }, network] = await Promise.all([
      import('../../contract/duration.ts'),
      import('../../node/network/addresses.ts'),
      import('node:timers/promises'),
      node.network({ signal }),
    ])
    if ((await node.repo.config.get('Swarm.DisableBandwidthMetrics')) === true) {
      throw new Failure('failed', 'bandwidth reporter disabled in config', {
        hint: 'set Swarm.DisableBandwidthMetrics to false, and start the daemon again',
      })
    }
    const intervalMs = parseDuration(input.interval)
    const filter = {
      ...(input.peer === undefined ? {} : { peer: parsePeer(input.peer).toString() }),
      ...(input.proto === undefined ? {} : { protocol: input.proto }),
    }
    for (;;) {
      const { totalIn, totalOut, rateIn, rateOut } = network.bandwidth(filter)
      yield { TotalIn: totalIn, TotalOut: totalOut, RateIn: rateIn, RateOut: rateOut }
      if (!input.poll) return
      await sleep(Math.max(intervalMs, 1), undefined, { signal })
    }
  },
  async render(outputs, { input, out }) {
    const { humanBytes } = await import('../repo/stat.ts')
    const size = (bytes: number): string => humanBytes(Math.floor(bytes))
    let isFirst = input.poll
    for await (const { TotalIn, TotalOut, RateIn, RateOut } of outputs) {
      if (isFirst) await out.write('Total Up    Total Down  Rate Up     Rate Down\n')
      isFirst = false
      if (input.poll) {
        const [up, down] = [TotalOut, TotalIn].map(bytes => `${size(bytes).padStart(8)}    `)
        const [rateUp, rateDown] = [RateOut, RateIn].map(bytes => `${size(bytes).padStart(8)}/s`)
        await out.write(`${up}${down}${rateUp}  ${rateDown}      \r`)
      } else {
        await out.write(`Bandwidth\nTotalIn: ${size(TotalIn)}\nTotalOut: ${size(TotalOut)}\n`)
        await out.write(`RateIn: ${size(RateIn)}/s\nRateOut: ${size(RateOut)}/s\n`)
      }
    }
  },
})
