import { defineCommand } from '../../contract/command.ts'
import { oneOf } from '../../contract/shape.ts'

/** A limit, or `unlimited`. Memory is a text, as Kubo has it. */
type Limit = number | string

type Scope = Readonly<Record<string, Limit>>

interface Resources {
  readonly System: Scope
  readonly Transient: Scope
  /** Kubo counts by service, protocol and peer, too. */
  readonly Services?: Readonly<Record<string, Scope>>
  readonly Protocols?: Readonly<Record<string, Scope>>
  readonly Peers?: Readonly<Record<string, Scope>>
}

/** How the names of scopes begin that are counted one by one. */
const PREFIXES = [
  ['Services', 'svc:'],
  ['Protocols', 'proto:'],
  ['Peers', 'peer:'],
] as const

const NAMES = [
  'Memory',
  'FD',
  'Conns',
  'ConnsInbound',
  'ConnsOutbound',
  'Streams',
  'StreamsInbound',
  'StreamsOutbound',
] as const

export const swarmResources = defineCommand({
  path: 'swarm resources',
  summary: 'Show limits of the network, and their use',
  description: 'Connections, streams, and dials that are under way (scope "transient"), with the limits on them.',
  examples: [{ line: 'tsipfs swarm resources', explains: 'Show them as a table.' }],
  needs: 'daemon',
  output: 'value',
  experimental: true,
  result: { System: { '*': oneOf('int', 'text') }, Transient: { '*': oneOf('int', 'text') } },
  params: {},
  async *run(_, { node, signal }): AsyncIterable<Resources> {
    const { swarm } = await node.network({ signal })
    const { connections, streams, dials } = swarm.resources()
    const all = swarm.connections()
    const inbound = all.filter(({ direction }) => direction === 'inbound').length
    yield {
      System: scope({
        Conns: [connections.used, connections.max],
        ConnsInbound: [inbound, connections.max],
        ConnsOutbound: [connections.used - inbound, undefined],
        Streams: [streams.used, streams.max],
        StreamsInbound: [streams.inbound, undefined],
        StreamsOutbound: [streams.used - streams.inbound, undefined],
      }),
      Transient: scope({ ConnsOutbound: [dials.used, dials.max] }),
    }
  },
  async render(outputs, { out }) {
    for await (const resources of outputs) {
      const rows = scopesOf(resources).flatMap(([name, values]) => NAMES.map(limit => rowOf(name, limit, values)))
      const head = ['Scope', 'Limit Name', 'Limit Value', 'Limit Usage Amount', 'Limit Usage Percent']
      await out.write(columns([head, ...rows.filter(row => row !== undefined)]))
    }
  },
})

function scopesOf(resources: Resources): (readonly [string, Scope])[] {
  const { System, Transient } = resources
  const others = PREFIXES.flatMap(([key, prefix]) =>
    Object.entries(resources[key] ?? {}).map(([name, values]) => [prefix + name, values] as const),
  )
  return [['system', System], ['transient', Transient], ...others]
}

/** Used and limit by name; what is not counted is unlimited and 0. */
function scope(
  values: Readonly<Partial<Record<(typeof NAMES)[number], readonly [number, number | undefined]>>>,
): Scope {
  return Object.fromEntries(
    NAMES.flatMap(name => {
      const [used, max] = values[name] ?? [0, undefined]
      const isLimit = max !== undefined && max < Number.MAX_SAFE_INTEGER
      return [
        [name, isLimit ? max : 'unlimited'],
        [`${name}Usage`, used],
      ]
    }),
  )
}

function rowOf(scopeName: string, name: string, values: Scope): string[] | undefined {
  const limit = values[name] ?? 'unlimited'
  const used = Number(values[`${name}Usage`] ?? 0)
  // As in Kubo, what has no limit is left out.
  if (limit === 'unlimited' || limit === 'default') return undefined
  const percent = used === 0 ? '0%' : `${((used / Number(limit)) * 100).toFixed(1)}%`
  return [scopeName, name, String(limit), String(used), limit === 'blockAll' ? 'n/a' : percent]
}

/** Aligns by tabs, as Go's tabwriter does with a width of 20 and tabs of 8. */
function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => {
    const widest = Math.max(20, ...rows.map(row => row[column]?.length ?? 0))
    return Math.ceil(widest / 8) * 8
  })
  const pad = (cell: string, column: number): string =>
    cell + '\t'.repeat(Math.ceil(((widths[column] ?? 0) - cell.length) / 8))
  return rows.map(row => `${row.map(pad).join('')}\n`).join('')
}
