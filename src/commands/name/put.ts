import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { argument, files, flag } from '../../contract/params.ts'

export const namePut = defineCommand({
  path: 'name put',
  summary: 'Hand a signed IPNS record to the network',
  description:
    'Takes a record that has been signed already, by whoever has the key, checks it and hands it to the network: to bring ' +
    'back what "name get" has saved, or to keep alive what somebody else has published.',
  examples: [{ line: 'tsipfs name put k51… record.bin', explains: 'Publish a record that was saved.' }],
  needs: 'network',
  experimental: true,
  createsRepo: true,
  writes: true,
  output: 'value',
  result: { Name: 'text', Value: 'text' },
  params: {
    name: argument('name', 'The name that the record is for'),
    record: files('record', 'The signed record', { many: false }),
    force: flag('Do not compare it with the record there is', { short: 'f' }),
    allowOffline: flag('Store the record without telling the network'),
    allowDelegated: flag('Publish over HTTP alone, without the DHT'),
    quiet: flag('Print nothing', { short: 'q', caller: true }),
  },
  check(input) {
    if (input.allowOffline && input.allowDelegated) {
      throw new Failure('usage', 'cannot use both --allow-offline and --allow-delegated flags')
    }
  },
  async *run(input, { node, source, signal, globals }) {
    const [{ putRecord }, { readRecord }, { formatName, parseName }] = await Promise.all([
      import('../../node/ipns/put-record.ts'),
      import('../../node/ipns/read-record.ts'),
      import('../../node/ipns/name.ts'),
    ])
    const name = parseName(input.name)
    const mode = input.allowDelegated ? 'delegated' : input.allowOffline ? 'here' : 'network'
    if (mode === 'network' && globals.offline) {
      throw new Failure(
        'failed',
        "can't put while offline: pass `--allow-offline` to store locally or `--allow-delegated` if Ipns.DelegatedPublishers are set up",
      )
    }
    const bytes = await readRecord(source)
    const Value = await putRecord(node, name, bytes, { mode, force: input.force, signal })
    yield { Name: formatName(name), Value }
  },
  async render(outputs, { out, input }) {
    for await (const { Name } of outputs) if (!input.quiet) await out.write(`${Name}\n`)
  },
})
