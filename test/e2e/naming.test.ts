/** Names between daemons: records in the DHT, over pubsub and over HTTP, DNSLink, and Kubo. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { Daemon, KUBO } from './daemons.ts'
import { ended, Place } from './program.ts'

const BASE = '/dev/shm'
const WITHOUT_KUBO = KUBO === undefined && 'KUBO_BIN is not set'
const EMPTY = '/ipfs/bafkqaaa'

/** Starts an HTTP server on loopback, which ends with the test. */
async function serve(answer: RequestListener) {
  const server = createServer(answer)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const close = (): void => {
    server.close()
    server.closeAllConnections()
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, [Symbol.dispose]: close }
}

async function fill(request: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of request) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** A daemon that was killed when it had published, and runs again; the last test sees what it has told another since. */
let killed: Daemon | undefined
let keeper: Daemon | undefined
let told = { name: '', cid: '', validity: 0 }

before(async () => {
  killed = await Daemon.start({
    base: BASE,
    config: { 'Ipns.RepublishPeriod': '1m', 'Provide.Enabled': true, 'Provide.DHT.Interval': '1s' },
  })
  const cid = await killed.ok(['add', '-Q'], { input: 'provided by one that was killed\n' })
  await using first = await Daemon.start({ base: BASE })
  await killed.connect(first)
  await killed.until(
    ['provide', 'stat', '--enc=json'],
    text => JSON.parse(text).Sweep.queues.pending_key_provides === 0,
  )
  const name = await killed.ok(['name', 'publish', '-Q', `/ipfs/${cid}`])
  told = { name, cid, validity: await validityAt(first, name) }
  assert.ok(told.validity > 0)
  await killed.kill('SIGKILL')
  await killed.restart()
  // One that has not heard of any of it.
  keeper = await Daemon.start({ base: BASE })
  await killed.connect(keeper)
})

after(async () => {
  await killed?.[Symbol.asyncDispose]()
  await keeper?.[Symbol.asyncDispose]()
})

/** Returns until when the newest record that a node finds is valid; 0 when it finds none. */
async function validityAt(node: Daemon, name: string): Promise<number> {
  const { status, stdout } = await node.run(['routing', 'get', '--enc=json', `/ipns/${name}`])
  if (status !== 0) return 0
  const input = Buffer.from(JSON.parse(stdout).Extra, 'base64')
  const shown = await node.ok(['name', 'inspect', '--enc=json', '--dump=false'], { input })
  return Date.parse(JSON.parse(shown).Entry.Validity)
}

test('a name that one node publishes is resolved by another, without a daemon, and after a restart', async () => {
  await using a = await Daemon.start({ base: BASE })
  await using b = await Daemon.start({ base: BASE })
  await b.connect(a)
  const first = `/ipfs/${await a.ok(['add', '-Q'], { input: 'first\n' })}`
  const second = `/ipfs/${await a.ok(['add', '-Q'], { input: 'second\n' })}`
  const name = await a.ok(['name', 'publish', '-Q', '--ttl=0s', first])
  assert.match(name, /^k51/)
  // A command that reads the repo itself asks the daemon beside it for the name.
  assert.equal(await b.ok(['cat', `/ipns/${name}`]), 'first')
  assert.equal(await b.ok(['name', 'resolve', name]), first)
  assert.equal(await b.ok(['name', 'resolve', `/ipns/${a.peer}`]), first)
  assert.equal(await b.ok(['name', 'resolve', '--stream', name]), first)

  // A process of its own, with a fresh identity, signs with a key of its repo.
  using place = new Place(BASE)
  await place.ok(['init', '--profile=test'])
  const key = await place.ok(['key', 'gen', 'site'])
  const published = await place.ok([
    '--peer',
    b.address,
    'name',
    'publish',
    '--key=site',
    '--resolve=false',
    '-Q',
    second,
  ])
  assert.equal(published, key)
  assert.equal(await a.ok(['name', 'resolve', key]), second)
  assert.equal(await place.ok(['--peer', a.address, 'name', 'resolve', '--nocache', name]), first)

  // A newer record wins over the one that others hold.
  await a.ok(['name', 'publish', '--ttl=0s', second])
  assert.equal(await b.ok(['name', 'resolve', '--nocache', name]), second)
  const record = JSON.parse(await b.ok(['routing', 'get', '--enc=json', `/ipns/${name}`])).Extra
  writeFileSync(place.path('record'), Buffer.from(record, 'base64'))
  const shown = await place.ok(['name', 'inspect', `--verify=${name}`, '--dump=false', 'record'])
  assert.match(shown, /Value: +"\/ipfs\/\S+"[\s\S]*Sequence: +1\n[\s\S]*Valid: true/)
  assert.match(await b.ok(['cat', `/ipns/${name}`]), /^second$/)
})

test('a record is got, kept, and put back where it was lost', async () => {
  await using a = await Daemon.start({ base: BASE })
  await using b = await Daemon.start({ base: BASE })
  using place = new Place(BASE)
  await place.ok(['init', '--profile=test'])
  const name = await place.ok(['name', 'publish', '--allow-offline', '--resolve=false', '-Q', EMPTY])
  const record = place.start(['name', 'get', '--offline', name])
  record.stdin.end()
  const bytes = await fill(record.stdout)
  writeFileSync(a.place.path('record'), bytes)
  await b.connect(a)
  assert.equal(await a.ok(['name', 'put', name, 'record']), name)
  assert.equal(await b.ok(['name', 'resolve', name]), EMPTY)
  const forged = Buffer.from(bytes)
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1
  writeFileSync(a.place.path('forged'), forged)
  const refused = await a.run(['name', 'put', name, 'forged'])
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /invalid IPNS record|record validation failed/)
  const other = await a.run(['name', 'put', a.peer, 'record'])
  assert.match(other.stderr, /record validation failed/)
})

test('names are followed over pubsub, without a lookup', async () => {
  const options = { base: BASE, args: ['--enable-namesys-pubsub'] }
  await using a = await Daemon.start(options)
  await using b = await Daemon.start(options)
  await b.connect(a)
  assert.equal(await a.ok(['name', 'pubsub', 'state']), 'enabled')
  const name = await a.ok(['name', 'publish', '--resolve=false', '-Q', EMPTY])
  assert.equal(await b.ok(['name', 'resolve', name]), EMPTY)
  assert.equal(await b.ok(['name', 'pubsub', 'subs']), `/ipns/${name}`)
  assert.equal(await a.ok(['name', 'pubsub', 'subs', '--ipns-base=b58mh']), `/ipns/${a.peer}`)
  const topic = await b.ok(['pubsub', 'ls'])
  await a.until(['pubsub', 'peers', topic], text => text.includes(b.peer))
  await a.ok(['name', 'publish', '--resolve=false', '/ipfs/bafkqabtimvwgy3yk'])
  // The old record may be used for five minutes: only pubsub can have brought the new one.
  await b.until(['name', 'resolve', name], text => text === '/ipfs/bafkqabtimvwgy3yk\n')
  // Whoever comes late asks those who follow the name already, here without a DHT.
  await using late = await Daemon.start({ ...options, config: { 'Routing.Type': 'none' } })
  await late.connect(b)
  await late.until(['pubsub', 'peers', topic], text => text.includes(b.peer))
  assert.equal(await late.ok(['name', 'resolve', name]), '/ipfs/bafkqabtimvwgy3yk')
  assert.equal(await b.ok(['name', 'pubsub', 'cancel', name]), 'canceled')
  assert.equal(await b.ok(['name', 'pubsub', 'cancel', name]), 'no subscription')
  assert.equal(await b.ok(['name', 'pubsub', 'subs']), '')
})

test('records go over HTTP, to publishers and from routers, and forged ones do not count', async () => {
  const records = new Map<string, Buffer>()
  using server = await serve(async (request, response) => {
    const name = /^\/routing\/v1\/ipns\/(k51\w+)$/.exec(request.url ?? '')?.[1] ?? ''
    if (request.method === 'PUT') records.set(name, await fill(request))
    const record = records.get(name)
    response.writeHead(record === undefined ? 404 : 200, { 'content-type': 'application/vnd.ipfs.ipns-record' })
    response.end(request.method === 'GET' ? record : undefined)
  })
  const url = JSON.stringify([server.url])
  const set = ['--set', `Ipns.DelegatedPublishers=${url}`, '--set', `Routing.DelegatedRouters=${url}`]
  using one = new Place(BASE)
  using other = new Place(BASE)
  for (const place of [one, other]) await place.ok(['init', '--profile=test'])
  const none = await one.run(['name', 'publish', '--allow-delegated', '--resolve=false', EMPTY])
  assert.match(none.stderr, /no delegated publishers configured/)
  const name = await one.ok([...set, 'name', 'publish', '--allow-delegated', '--resolve=false', '-Q', EMPTY])
  assert.ok(records.has(name))
  assert.equal(await other.ok([...set, 'name', 'resolve', '--nocache', name]), EMPTY)
  const wrong = await other.ok(['key', 'gen', 'wrong'])
  const valid = records.get(name)
  assert.ok(valid)
  records.set(wrong, valid)
  assert.equal((await other.run([...set, 'name', 'resolve', wrong])).status, 3)
})

test('a DNSLink is looked up where the config says, kept as long as it may be, and followed', async () => {
  let count = 0
  const texts: Readonly<Record<string, readonly string[]>> = {
    'site.example': [`dnslink=${EMPTY}`, 'v=spf1'],
    'far.example': ['dnslink=/ipns/site.example/docs'],
    'two.example': [`dnslink=${EMPTY}`, 'dnslink=/ipfs/bafkqabtimvwgy3yk'],
    'loop.example': ['dnslink=/ipns/loop.example'],
  }
  using server = await serve(async (request, response) => {
    count += 1
    const query = await fill(request)
    const labels: string[] = []
    let at = 12
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length))
      at += 1 + length
    }
    const records = labels[0] === '_dnslink' ? (texts[labels.slice(1).join('.')] ?? []) : []
    const answers = records.map(text => [
      0xc0,
      12,
      0,
      16,
      0,
      1,
      0,
      0,
      0,
      60,
      0,
      text.length + 1,
      text.length,
      ...Buffer.from(text),
    ])
    const head = [0, 0, 0x81, records.length === 0 ? 0x83 : 0x80, 0, 1, 0, records.length, 0, 0, 0, 0]
    response.writeHead(200, { 'content-type': 'application/dns-message' })
    response.end(Buffer.from([...head, ...query.subarray(12, at + 5), ...answers.flat()]))
  })
  using place = new Place(BASE)
  await place.ok(['init', '--profile=test'])
  const resolvers = { 'example.': `${server.url}/dns-query` }
  await place.ok(['config', '--json', 'DNS.Resolvers', JSON.stringify(resolvers)])
  assert.equal(await place.ok(['name', 'resolve', 'site.example']), EMPTY)
  assert.equal(await place.ok(['resolve', '/ipns/site.example']), EMPTY)
  assert.equal(count, 1)
  assert.equal(await place.ok(['name', 'resolve', '--nocache', 'site.example']), EMPTY)
  assert.equal(count, 2)
  assert.equal(await place.ok(['name', 'resolve', 'far.example']), `${EMPTY}/docs`)
  assert.equal(await place.ok(['name', 'resolve', '-r=false', '/ipns/far.example']), '/ipns/site.example/docs')
  const failures: [string, number, RegExp][] = [
    ['two.example', 3, /more than one IPFS content path/],
    ['none.example', 3, /could not find a TXT record/],
    ['loop.example', 1, /recursion limit exceeded/],
  ]
  for (const [domain, status, message] of failures) {
    const result = await place.run(['name', 'resolve', domain])
    assert.deepEqual([result.status, message.test(result.stderr)], [status, true], result.stderr)
  }
})

test('Kubo resolves what is published here, and the other way round, over pubsub too', {
  skip: WITHOUT_KUBO,
}, async () => {
  const args = ['--enable-namesys-pubsub']
  await using ours = await Daemon.start({ base: BASE, args })
  await using kubo = await Daemon.start({ program: KUBO ?? '', base: BASE, args })
  await ours.connect(kubo)
  const name = await ours.ok(['name', 'publish', '--resolve=false', '-Q', EMPTY])
  assert.equal(await kubo.ok(['name', 'resolve', name]), EMPTY)
  const theirs = await kubo.ok(['name', 'publish', '--resolve=false', '-Q', EMPTY])
  assert.equal(await ours.ok(['name', 'resolve', theirs]), EMPTY)
  const topic = (await ours.ok(['pubsub', 'ls'])).split('\n')
  assert.equal(topic.length, 2)
  for (const each of topic) await kubo.until(['pubsub', 'peers', each], text => text.includes(ours.peer))
  await using late = await Daemon.start({ base: BASE, args, config: { 'Routing.Type': 'none' } })
  await late.connect(kubo)
  for (const each of topic) await late.until(['pubsub', 'peers', each], text => text.includes(kubo.peer))
  assert.equal(await late.ok(['name', 'resolve', theirs]), EMPTY)
  await kubo.ok(['name', 'publish', '--resolve=false', '/ipfs/bafkqabtimvwgy3yk'])
  await ours.until(['name', 'resolve', theirs], text => text === '/ipfs/bafkqabtimvwgy3yk\n')
  // Records signed in one are valid in the other, in every form.
  using place = new Place(BASE)
  await place.ok(['init', '--profile=test'])
  const offline = ['--allow-offline', '--resolve=false', '-Q']
  for (const [type, more] of [
    ['rsa', []],
    ['ed25519', ['--v1compat=false']],
    ['secp256k1', []],
  ] as const) {
    const key = await place.ok(['key', 'gen', `--type=${type}`, type])
    await place.ok(['name', 'publish', ...offline, ...more, `--key=${type}`, EMPTY])
    const get = place.start(['name', 'get', '--offline', key])
    const [bytes] = await Promise.all([fill(get.stdout), ended(get)])
    const verdict = JSON.parse(await kubo.ok(['name', 'inspect', `--verify=${key}`, '--enc=json'], { input: bytes }))
    assert.deepEqual(verdict.Validation, { Valid: true, Reason: '', Name: key }, type)
  }
})

test('who was killed publishes its names and provides its blocks again', async () => {
  assert.ok(killed !== undefined && keeper !== undefined)
  // A minute after the start, most of which the other tests have taken.
  const deadline = Date.now() + 90_000
  while ((await validityAt(keeper, told.name)) <= told.validity) {
    assert.ok(Date.now() < deadline)
    await new Promise(resolve => setTimeout(resolve, 250))
  }
  // What it has told the other one, that knows without it.
  await killed.kill('SIGKILL')
  assert.ok((await validityAt(keeper, told.name)) > told.validity)
  assert.equal(await keeper.ok(['name', 'resolve', told.name]), `/ipfs/${told.cid}`)
  assert.equal(await keeper.ok(['routing', 'findprovs', '-n', '1', told.cid]), killed.peer)
})
