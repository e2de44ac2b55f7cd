import { defineCommand } from '../../contract/command.ts'
import { flag } from '../../contract/params.ts'
import { maybe } from '../../contract/shape.ts'
import { tunnelsOf } from './_tunnels.ts'

interface Listeners {
  readonly Listeners:
    | readonly { readonly Protocol: string; readonly ListenAddress: string; readonly TargetAddress: string }[]
    | null
}

export const p2pLs = defineCommand({
  path: 'p2p ls',
  summary: 'List what "p2p listen" and "p2p forward" have opened',
  examples: [{ line: 'tsipfs p2p ls -v', explains: 'List them under a heading.' }],
  needs: 'daemon',
  output: 'value',
  experimental: true,
  result: { Listeners: maybe([{ Protocol: 'text', ListenAddress: 'text', TargetAddress: 'text' }]) },
  items: { at: 'Listeners' },
  params: { headers: flag('Print a heading (Protocol, Listen Address, Target Address)', { short: 'v' }) },
  async *run(_, { node, signal }): AsyncIterable<Listeners> {
    const listeners = (await tunnelsOf({ node, signal })).listeners()
    yield {
      Listeners:
        listeners.length === 0
          ? null
          : listeners.map(({ protocol, listenAddress, targetAddress }) => ({
              Protocol: protocol,
              ListenAddress: listenAddress,
              TargetAddress: targetAddress,
            })),
    }
  },
  async render(outputs, { input, out }) {
    const [{ alignColumns }, { escapeName }] = await Promise.all([import('../_table.ts'), import('../_escape.ts')])
    for await (const { Listeners } of outputs) {
      const rows = (Listeners ?? []).map(listener =>
        [escapeName(listener.Protocol), listener.ListenAddress, listener.TargetAddress].join('\t'),
      )
      if (input.headers && rows.length > 0) rows.unshift('Protocol\tListen Address\tTarget Address')
      for (const line of alignColumns(rows, 1)) await out.write(`${line}\n`)
    }
  },
})
