import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { flag, text } from '../../contract/params.ts'
import { tunnelsOf } from './_tunnels.ts'

export const p2pClose = defineCommand({
  path: 'p2p close',
  summary: 'Close what "p2p listen" and "p2p forward" have opened',
  description: 'Closes what all given options match. Connections that are open stay open: see "p2p stream close".',
  examples: [
    { line: 'tsipfs p2p close --protocol=/x/web', explains: 'Close whatever serves one protocol.' },
    { line: 'tsipfs p2p close --all', explains: 'Close everything.' },
  ],
  needs: 'daemon',
  output: 'value',
  experimental: true,
  result: 'int: how many were closed',
  params: {
    all: flag('Close everything', { short: 'a' }),
    protocol: text('Match the protocol name', { short: 'p' }),
    listenAddress: text('Match the address that is listened on', { short: 'l' }),
    targetAddress: text('Match the address that is forwarded to', { short: 't' }),
  },
  async *run(input, { node, signal }) {
    const tunnels = await tunnelsOf({ node, signal })
    const { all, protocol, listenAddress, targetAddress } = input
    const filter = {
      ...(protocol === undefined ? {} : { protocol }),
      ...(listenAddress === undefined ? {} : { listenAddress }),
      ...(targetAddress === undefined ? {} : { targetAddress }),
    }
    const isFiltered = Object.keys(filter).length > 0
    if (!all && !isFiltered) {
      throw new Failure('usage', 'no matching options given', { hint: 'use --protocol, or --all' })
    }
    if (all && isFiltered) throw new Failure('usage', "can't combine --all with other matching options")
    // As in Kubo the answer is a bare number.
    yield Object(await tunnels.closeListeners(filter))
  },
  async render(outputs, { out }) {
    for await (const count of outputs) await out.write(`Closed ${count} stream(s)\n`)
  },
})
