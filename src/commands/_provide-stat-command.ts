import { defineCommand } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import { flag } from '../contract/params.ts'
import { provideStatRecord, provideStatText, sectionsGiven } from './_provide-stat.ts'

interface Naming {
  readonly path: string
  readonly summary: string
  readonly deprecated?: boolean
}

/** Declares `provide stat`, or one of its old names. */
export function provideStatCommand({ path, summary, deprecated }: Naming) {
  return defineCommand({
    path,
    summary,
    description:
      'Prints how announcing content to the network goes: what waits, what has been announced, when everything is ' +
      'announced again. Without options in short; each option shows a section of its own.',
    examples: [{ line: `tsipfs ${path} --all`, explains: 'Print all there is.' }],
    needs: 'daemon',
    experimental: true,
    ...(deprecated === true ? { deprecated } : {}),
    result: { '*': 'any' },
    params: {
      lan: flag('Show the DHT of the local network (both are counted together)'),
      all: flag('Show all sections', { short: 'a', caller: true }),
      compact: flag('Show them in two columns; needs --all', { caller: true }),
      connectivity: flag('Show whether there are peers', { caller: true }),
      network: flag('Show what is known of the network', { caller: true }),
      schedule: flag('Show when everything is announced again', { caller: true }),
      timings: flag('Show since when this node works', { caller: true }),
      workers: flag('Show how many workers there are', { caller: true }),
      operations: flag('Show what has been done', { caller: true }),
      queues: flag('Show what waits', { caller: true }),
    },
    async *run(input, { node, signal }) {
      const { providing } = await node.network({ signal })
      const stat = await providing.stat()
      if (!stat.settings.isEnabled) {
        throw new Failure('failed', 'stats not available: Provide.Enabled is false', {
          hint: 'tsipfs config --json Provide.Enabled true',
        })
      }
      if (input.lan && !stat.settings.isSweeping) {
        throw new Failure('failed', 'LAN stats only available for Sweep provider with Dual DHT')
      }
      yield provideStatRecord(stat)
    },
    async render(outputs, { out, input }) {
      for await (const record of outputs) {
        if (record.Legacy !== null && sectionsGiven(input) > 0) {
          throw new Failure('failed', 'cannot use flags with legacy provide stats')
        }
        if (input.compact && !input.all) throw new Failure('failed', '--compact requires --all flag')
        await out.write(provideStatText(record, input))
      }
    },
  })
}
