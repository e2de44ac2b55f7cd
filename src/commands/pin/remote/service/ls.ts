import { defineCommand } from '../../../../contract/command.ts'
import { Failure } from '../../../../contract/failure.ts'
import { flag } from '../../../../contract/params.ts'
import { maybe } from '../../../../contract/shape.ts'
import type { ConfigStore } from '../../../../repo/roles.ts'

interface Stat {
  readonly Status: 'valid' | 'invalid'
  readonly PinCount?: {
    readonly Queued: number
    readonly Pinning: number
    readonly Pinned: number
    readonly Failed: number
  }
}

interface Service {
  readonly Service: string
  readonly ApiEndpoint: string
  readonly Stat?: Stat
}

export const pinRemoteServiceLs = defineCommand({
  path: 'pin remote service ls',
  summary: 'List remote pinning services',
  description:
    'Lists names and addresses. With --stat each service is asked how many pins it has: queued, pinning, pinned, failed; ' +
    'one that does not answer, or refuses the key, is "invalid".',
  examples: [{ line: 'tsipfs pin remote service ls --stat', explains: 'Try all services.' }],
  needs: 'repo',
  output: 'value',
  result: {
    RemoteServices: maybe([
      {
        Service: 'text',
        ApiEndpoint: 'text',
        'Stat?': { Status: 'text: valid or invalid', 'PinCount?': maybe({ '*': 'int' }) },
      },
    ]),
  },
  items: { at: 'RemoteServices' },
  params: { stat: flag('Ask each service how many pins it has') },
  async *run(input, { node, signal }) {
    const { remoteServices } = await import('../../../../node/remote-pins.ts')
    const { config } = node.repo
    const services: Service[] = []
    const entries = Object.entries(remoteServices(await config.read())).sort(([a], [b]) => (a < b ? -1 : 1))
    for (const [name, service] of entries) {
      const ApiEndpoint = endpointOf(service)
      services.push({
        Service: name,
        ApiEndpoint,
        ...(input.stat ? { Stat: await statOf(config, name, signal) } : {}),
      })
    }
    yield { RemoteServices: services }
  },
  async render(outputs, { out, input }) {
    const [{ alignColumns }, { escapeName }] = await Promise.all([
      import('../../../_table.ts'),
      import('../../../_escape.ts'),
    ])
    for await (const { RemoteServices } of outputs) {
      const lines = RemoteServices.map(({ Service, ApiEndpoint, Stat }) =>
        [escapeName(Service), escapeName(ApiEndpoint), ...(input.stat ? [statText(Stat)] : [])].join('\t'),
      )
      for (const line of alignColumns(lines, 1)) await out.write(`${line}\n`)
    }
  },
})

async function statOf(config: Pick<ConfigStore, 'read'>, name: string, signal: AbortSignal): Promise<Stat> {
  const { findService, RemotePins } = await import('../../../../node/remote-pins.ts')
  try {
    const pins = new RemotePins(await findService(config, name))
    const [Queued, Pinning, Pinned, Failed] = await Promise.all([
      pins.count('queued', { signal }),
      pins.count('pinning', { signal }),
      pins.count('pinned', { signal }),
      pins.count('failed', { signal }),
    ])
    return { Status: 'valid', PinCount: { Queued, Pinning, Pinned, Failed } }
  } catch (error) {
    signal.throwIfAborted()
    // A service that is out of order does not keep the others from being listed.
    if (error instanceof Failure) return { Status: 'invalid' }
    throw error
  }
}

function statText(stat: Stat | undefined): string {
  const count = stat?.PinCount
  if (count === undefined) return stat?.Status ?? ''
  return [count.Queued, count.Pinning, count.Pinned, count.Failed].join('/')
}

function endpointOf(service: unknown): string {
  const api = typeof service === 'object' && service !== null && 'API' in service ? service.API : undefined
  const endpoint = typeof api === 'object' && api !== null && 'Endpoint' in api ? api.Endpoint : undefined
  return typeof endpoint === 'string' ? endpoint : ''
}
