import { defineCommand } from '../../contract/command.ts'
import { parseDuration } from '../../contract/duration.ts'
import { Failure } from '../../contract/failure.ts'
import { flag, int, optionalArgument, text } from '../../contract/params.ts'

export const nameResolve = defineCommand({
  path: 'name resolve',
  summary: 'Resolve IPNS names',
  description:
    'Prints what a name points to: the name of a key, or a domain with a DNSLink; without one, the name of this repo. ' +
    'Names are followed until they lead to content; with --recursive=false a single step.',
  examples: [
    { line: 'tsipfs name resolve', explains: 'Print what the name of this repo points to.' },
    { line: 'tsipfs name resolve docs.ipfs.tech', explains: 'Resolve a DNSLink.' },
  ],
  needs: 'network',
  output: input => (input.stream ? 'stream' : 'value'),
  worksWithoutRepo: true,
  result: { Path: 'text' },
  params: {
    name: optionalArgument('name', 'The name to resolve; that of this repo when it is left out'),
    recursive: flag('Follow names until they lead to content', { short: 'r', initial: true }),
    nocache: flag('Ask again for what is known already', { short: 'n' }),
    dhtRecordCount: int('How many records to ask of the DHT', { aliases: ['dhtrc'], initial: 16, min: 0 }),
    dhtTimeout: text('How long to collect records of the DHT ("30s"); 0 for no limit', {
      aliases: ['dhtt'],
      initial: '1m0s',
    }),
    stream: flag('Print each record as it is found', { short: 's' }),
  },
  check(input) {
    if (parseDuration(input.dhtTimeout) < 0) throw new Failure('usage', 'DHT timeout value must be >= 0')
  },
  async *run(input, { node, signal }) {
    const [{ parsePath }, { resolveName, searchName }, { selfName }, { formatName }] = await Promise.all([
      import('../../node/path.ts'),
      import('../../node/naming.ts'),
      import('../../node/ipns/keys.ts'),
      import('../../node/ipns/name.ts'),
    ])
    const name = input.name ?? formatName(await selfName(node.repo))
    const path = parsePath(/^\/|^ip[fn]s:|^ipld:/i.test(name) ? name : `/ipns/${name}`)
    if (path.namespace !== 'ipns') throw new Failure('usage', `${JSON.stringify(name)} is not an IPNS name`)
    const options = {
      signal,
      depthMax: input.recursive ? undefined : 1,
      recordsMax: input.dhtRecordCount,
      collectMs: parseDuration(input.dhtTimeout),
      nocache: input.nocache,
    }
    const joined = (target: string): string => [target.replace(/\/$/, ''), ...path.segments].join('/')
    const shown = (target: string): string => (path.segments.length === 0 ? target : joined(target))
    if (!input.stream) {
      yield { Path: shown(await resolveName(node, path.root, options)) }
      return
    }
    for await (const target of searchName(node, path.root, options)) yield { Path: shown(target) }
  },
  async render(outputs, { out }) {
    for await (const { Path } of outputs) await out.write(`${Path}\n`)
  },
})
