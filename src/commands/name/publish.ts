import { defineCommand } from '../../contract/command.ts'
import { formatDuration, parseDuration } from '../../contract/duration.ts'
import { Failure } from '../../contract/failure.ts'
import { argument, flag, text } from '../../contract/params.ts'
import { wholeNumber } from '../../contract/whole-number.ts'
import { escapeName } from '../_escape.ts'

const LIFETIME_DEFAULT = '48h'
const TTL_DEFAULT_MS = 5 * 60_000
const SEQUENCE_MAX = 2n ** 64n - 1n

export const namePublish = defineCommand({
  path: 'name publish',
  summary: 'Publish IPNS names',
  description:
    'Signs a record that says what a name points to, and hands it to the network: to the DHT, to the HTTP publishers of ' +
    'Ipns.DelegatedPublishers, and over pubsub where that is on. The name is that of a key: of the repo itself, or of one ' +
    'that --key names. A daemon on the repo publishes it again and again. Without a daemon a node is started for as long ' +
    'as it takes; with --allow-offline the record is only stored then.',
  examples: [
    { line: 'tsipfs name publish /ipfs/bafy…', explains: 'Publish under the name of the repo.' },
    {
      line: 'tsipfs name publish --key=site --ttl=1m -Q bafy…',
      explains: 'Publish under another key; print the name only.',
    },
  ],
  needs: 'network',
  createsRepo: true,
  writes: true,
  output: 'value',
  result: { Name: 'text', Value: 'text' },
  outputs: { name: 'Name', path: 'Value' },
  params: {
    path: argument('ipfs-path', 'What the name is to point to', { stdin: true, complete: 'cid' }),
    key: text('Name of the key, or its peer id', { short: 'k', initial: 'self', complete: 'key' }),
    resolve: flag('Check first that the path can be resolved', { initial: true }),
    lifetime: text(`How long the record is valid (default ${LIFETIME_DEFAULT})`, {
      short: 't',
      placeholder: 'duration',
    }),
    ttl: text('How long others may keep the record before they ask again (default 5m)', { placeholder: 'duration' }),
    quieter: flag('Print only the name', { short: 'Q', caller: true }),
    v1compat: flag('Include the fields and signature of old records', { initial: true }),
    allowOffline: flag('Store the record even when it cannot be handed to the network'),
    allowDelegated: flag('Publish over HTTP alone, without the DHT'),
    sequence: text('Number of the record, above that of the present one', { placeholder: 'n' }),
    ipnsBase: text('Multibase of the name: b58mh, base36 or another', { initial: 'base36', placeholder: 'base' }),
  },
  check(input) {
    if (input.allowOffline && input.allowDelegated) {
      throw new Failure('usage', 'cannot use both --allow-offline and --allow-delegated flags')
    }
    timesOf(input)
    sequenceOf(input.sequence)
  },
  async *run(input, { node, signal, globals }) {
    const [{ parsePath, pathText, resolvePath }, { publishName, delegatedPublishers }, { findKey }, { formatName }] =
      await Promise.all([
        import('../../node/path.ts'),
        import('../../node/ipns/publish.ts'),
        import('../../node/ipns/keys.ts'),
        import('../../node/ipns/name.ts'),
      ])
    const times = timesOf(input)
    const sequence = sequenceOf(input.sequence)
    parsePath(input.path)
    const mode = input.allowDelegated ? 'delegated' : input.allowOffline ? 'here' : 'network'
    if (mode === 'delegated') await delegatedPublishers(node)
    if (mode === 'network' && globals.offline) {
      throw new Failure(
        'failed',
        "can't publish while offline: pass `--allow-offline` to override or `--allow-delegated` if Ipns.DelegatedPublishers are set up",
      )
    }
    const key = await findKey(node.repo, input.key)
    if (input.resolve) {
      const { cid } = await resolvePath(node, input.path, { signal })
      await node.blocks.get(cid, { signal })
    }
    const target = pathText(input.path)
    const request = { ...times, target, v1compat: input.v1compat, sequence, mode } as const
    const name = await publishName(node, key, request, { signal })
    yield { Name: formatName(name), Value: target }
  },
  async render(outputs, { out, input }) {
    for await (const { Name, Value } of outputs) {
      await out.write(
        input.quieter ? `${escapeName(Name)}\n` : `Published to ${escapeName(Name)}: ${escapeName(Value)}\n`,
      )
    }
  },
})

interface Times {
  readonly lifetime: string | undefined
  readonly ttl: string | undefined
}

/** As in Kubo, a lifetime that was not given is the default, and a time to live that was not given ends with it. */
function timesOf({ lifetime, ttl }: Times): { lifetimeMs: number; ttlMs: number } {
  const lifetimeMs = parseDuration(lifetime ?? LIFETIME_DEFAULT, 'lifetime')
  if (lifetimeMs <= 0) throw new Failure('usage', `lifetime must be greater than zero, got ${lifetime}`)
  if (ttl === undefined) return { lifetimeMs, ttlMs: Math.min(TTL_DEFAULT_MS, lifetimeMs) }
  const ttlMs = parseDuration(ttl, 'ttl')
  if (ttlMs < 0) throw new Failure('usage', `ttl must not be negative, got ${ttl}`)
  if (ttlMs > lifetimeMs) {
    const [short, long] = [formatDuration(ttlMs), formatDuration(lifetimeMs)]
    throw new Failure('usage', `ttl (${short}) must not be greater than lifetime (${long})`)
  }
  return { lifetimeMs, ttlMs }
}

/** Numbers of records have 64 bits: more than a number option holds. */
function sequenceOf(text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined
  const value = (/^\d/.test(text) ? wholeNumber(text) : undefined) ?? -1n
  if (value >= 0n && value <= SEQUENCE_MAX) return value
  throw new Failure('usage', `option '--sequence' wants a whole number, not "${text}"`)
}
