import { defineCommand } from '../../../contract/command.ts'
import { flag } from '../../../contract/params.ts'
import { maybe } from '../../../contract/shape.ts'
import { tunnelsOf } from '../_tunnels.ts'

interface Streams {
  readonly Streams:
    | readonly {
        readonly HandlerID: string
        readonly Protocol: string
        readonly OriginAddress: string
        readonly TargetAddress: string
      }[]
    | null
}

export const p2pStreamLs = defineCommand({
  path: 'p2p stream ls',
  summary: 'List open connections of "p2p listen" and "p2p forward"',
  examples: [{ line: 'tsipfs p2p stream ls -v', explains: 'List them under a heading.' }],
  needs: 'daemon',
  output: 'value',
  experimental: true,
  result: { Streams: maybe([{ HandlerID: 'text', Protocol: 'text', OriginAddress: 'text', TargetAddress: 'text' }]) },
  items: { at: 'Streams' },
  params: { headers: flag('Print a heading (ID, Protocol, Origin, Target)', { short: 'v' }) },
  async *run(_, { node, signal }): AsyncIterable<Streams> {
    const streams = (await tunnelsOf({ node, signal })).streams()
    yield {
      Streams:
        streams.length === 0
          ? null
          : streams.map(({ id, protocol, originAddress, targetAddress }) => ({
              HandlerID: String(id),
              Protocol: protocol,
              OriginAddress: originAddress,
              TargetAddress: targetAddress,
            })),
    }
  },
  async render(outputs, { input, out }) {
    const [{ alignColumns }, { escapeName }] = await Promise.all([
      import('../../_table.ts'),
      import('../../_escape.ts'),
    ])
    for await (const { Streams } of outputs) {
      const rows = (Streams ?? []).map(({ HandlerID, Protocol, OriginAddress, TargetAddress }) =>
        [HandlerID, escapeName(Protocol), OriginAddress, TargetAddress].join('\t'),
      )
      if (input.headers && rows.length > 0) rows.unshift('ID\tProtocol\tOrigin\tTarget')
      for (const line of alignColumns(rows, 1)) await out.write(`${line}\n`)
    }
  },
})
