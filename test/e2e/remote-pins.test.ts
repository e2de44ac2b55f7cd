/** Remote pinning services, against one that answers as the specification says. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { pinRemoteAdd } from '../../src/commands/pin/remote/add.ts'
import { pinRemoteLs } from '../../src/commands/pin/remote/ls.ts'
import { pinRemoteServiceLs } from '../../src/commands/pin/remote/service/ls.ts'
import { shapeProblem } from '../../src/contract/shape.ts'
import { Daemon } from './daemons.ts'
import { KEY, Service } from './pin-service.ts'
import { type Ended, Place, printed } from './program.ts'

const EMPTY = 'bafkqaaa'

async function opened(): Promise<{ place: Place; service: Service } & AsyncDisposable> {
  const place = new Place()
  const service = await new Service().open()
  await place.ok(['init', '--profile=test'])
  await place.ok(['pin', 'remote', 'service', 'add', 'mine', service.url, KEY])
  return {
    place,
    service,
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]()
      place[Symbol.dispose]()
    },
  }
}

const remote = (...words: string[]): string[] => ['pin', 'remote', ...words]

test('services are added, listed, tried and removed; their keys are never shown', async () => {
  await using at = await opened()
  const { place, service } = at
  const endpoint = service.url.replace('//v1/', '/v1')
  assert.equal(await place.ok(remote('service', 'ls')), `mine ${endpoint}`)
  assert.equal(await place.ok(remote('service', 'ls', '--stat')), `mine ${endpoint} 0/0/0/0`)
  await place.ok(remote('service', 'add', 'bad', service.url, 'wrong'))
  assert.deepEqual(JSON.parse(await place.ok(remote('service', 'ls', '--stat', '--enc=json'))), {
    RemoteServices: [
      { Service: 'bad', ApiEndpoint: endpoint, Stat: { Status: 'invalid' } },
      {
        Service: 'mine',
        ApiEndpoint: endpoint,
        Stat: { Status: 'valid', PinCount: { Queued: 0, Pinning: 0, Pinned: 0, Failed: 0 } },
      },
    ],
  })
  const again = await place.run(remote('service', 'add', 'mine', service.url, KEY))
  assert.deepEqual([again.status, again.stderr.split('\n')[0]], [1, 'Error: service already present'])
  for (const words of [
    ['config', 'show'],
    ['config', 'Pinning.RemoteServices.mine.API.Key'],
    ['config', 'Pinning'],
  ]) {
    const shown = await place.run(words)
    assert.ok(!`${shown.stdout}${shown.stderr}`.includes(KEY), words.join(' '))
  }
  const { Pinning } = JSON.parse(readFileSync(place.path('repo/config'), 'utf8'))
  assert.deepEqual(Pinning.RemoteServices.mine, {
    API: { Endpoint: endpoint, Key: KEY },
    Policies: { MFS: { Enable: false, PinName: '', RepinInterval: '' } },
  })
  await place.ok(remote('service', 'rm', 'bad'))
  await place.ok(remote('service', 'rm', 'bad'))
  assert.equal(await place.ok(remote('service', 'ls')), `mine ${endpoint}`)
})

test('addresses that cannot be those of a service are refused', async () => {
  using place = new Place()
  await place.ok(['init', '--profile=test'])
  for (const [url, text] of [
    ['ftp://a', 'service endpoint must be a valid HTTP URL'],
    ['here', 'service endpoint must be a valid HTTP URL'],
    ['https://a/?x=y', 'service endpoint should be provided without any query parameters'],
    ['https://a/b/pins', 'service endpoint should be provided without the /pins suffix'],
  ] as const) {
    const { status, stderr } = await place.run(remote('service', 'add', 'x', url, 'k'))
    assert.deepEqual([status, stderr.split('\n')[0]], [2, `Error: ${text}`])
  }
})

test('add waits until the service has it, or has failed, and with --background for nothing', async () => {
  await using at = await opened()
  const { place, service } = at
  assert.equal(
    await place.ok(remote('add', '--service=mine', '--name=one', EMPTY)),
    `CID:    ${EMPTY}\nName:   one\nStatus: pinned`,
  )
  assert.deepEqual(
    service.asked.map(line => line.split('?')[0]),
    ['POST /api/v1/pins', 'GET /api/v1/pins/request-0', 'GET /api/v1/pins/request-0'],
  )
  assert.deepEqual(service.pins[0]?.pin, { cid: EMPTY, name: 'one' })
  const queued = await place.ok(remote('add', '--service=mine', '--background', EMPTY, '--enc=json'))
  assert.deepEqual(JSON.parse(queued), { Status: 'queued', Cid: EMPTY, Name: '', Offline: true })
  service.fate = 'failed'
  service.polls = 0
  const failed = await place.run(remote('add', '--service=mine', EMPTY))
  assert.deepEqual(
    [failed.status, failed.stderr.split('\n').at(-2)],
    [1, 'Error: remote service failed to pin requestid="request-2"'],
  )
})

test('add --wait: the status says whether the service has it, whoever asks', { timeout: 120_000 }, async () => {
  await using service = await new Service().open()
  await using daemon = await Daemon.start({ base: '/dev/shm' })
  using place = new Place('/dev/shm')
  await place.ok(['init', '--profile=test'])
  const api = `/unix${daemon.place.repo}/api.sock`
  const ways: [string, (words: readonly string[]) => Promise<Ended>][] = [
    ['alone', words => place.run(words)],
    ['beside a daemon', words => daemon.run(words)],
    ['through --api', words => place.run(['--api', api, ...words])],
  ]
  for (const on of [place, daemon]) {
    await on.ok(remote('service', 'add', 'mine', service.url, KEY))
    await on.ok(remote('service', 'add', 'gone', 'http://127.0.0.1:1', KEY))
  }
  for (const [name, run] of ways) {
    const add = (...words: string[]): Promise<Ended> => run(remote('add', '--wait', ...words, EMPTY))
    service.fate = 'pinned'
    service.polls = 1
    const pinned = await add('--service=mine', '--timeout=30s')
    assert.deepEqual(
      [pinned.status, pinned.stdout.split('\n').at(-2)],
      [0, 'Status: pinned'],
      `${name}: ${pinned.stderr}`,
    )
    service.polls = 1_000_000
    const never = await add('--service=mine', '--timeout=1s', '--json')
    assert.deepEqual([never.status, never.stdout, JSON.parse(never.stderr).kind], [4, '', 'timeout'], name)
    service.polls = 0
    service.fate = 'failed'
    const failed = await add('--service=mine', '--timeout=30s')
    assert.equal(failed.status, 1, `${name}: ${failed.stderr}`)
    assert.match(failed.stderr, /remote service failed to pin requestid="request-\d+"/)
    assert.equal((await add('--service=gone', '--timeout=30s')).status, 5, name)
    assert.equal((await add('--service=none')).status, 3, name)
  }
})

test('results are of the shape that the commands declare', async () => {
  await using at = await opened()
  for (const [words, command] of [
    [['add', '--service=mine', '--background', EMPTY], pinRemoteAdd],
    [['ls', '--service=mine', '--status=queued,pinning,pinned'], pinRemoteLs],
    [['service', 'ls', '--stat'], pinRemoteServiceLs],
  ] as const) {
    const lines = (await at.place.ok(remote(...words, '--enc=json'))).split('\n')
    for (const line of lines)
      assert.equal(shapeProblem(command.result ?? 'null', JSON.parse(line), words[0]), undefined)
  }
})

test('ls goes on to the last pin, and rm removes many only when forced', async () => {
  await using at = await opened()
  const { place, service } = at
  for (let nth = 0; nth < 23; nth++) {
    const pin = { cid: nth % 2 === 0 ? EMPTY : 'bafkqaaik', name: `n\t${nth % 5}` }
    service.pins.push({
      requestid: `r${nth}`,
      status: nth < 20 ? 'pinned' : 'failed',
      created: new Date(nth * 1000).toISOString(),
      pin,
      delegates: [],
    })
  }
  const lines = (await place.ok(remote('ls', '--service=mine'))).split('\n')
  assert.equal(lines.length, 20)
  assert.equal(lines[0], `bafkqaaik\tpinned\tn\\t4`)
  assert.equal((await place.ok(remote('ls', '--service=mine', '--status=queued,failed'))).split('\n').length, 3)
  assert.equal((await place.ok(remote('ls', '--service=mine', '--cid=bafkqaaik', '--name=n\t4'))).split('\n').length, 2)
  const many = await place.run(remote('rm', '--service=mine', `--cid=${EMPTY}`))
  assert.equal(many.status, 1)
  assert.match(many.stderr, /multiple remote pins are matching this query, add --force to confirm the bulk removal/)
  assert.equal(service.pins.length, 23)
  await place.ok(remote('rm', '--service=mine', `--cid=${EMPTY}`, '--force'))
  assert.equal(service.pins.length, 13)
})

test('what is wrong with a service, or a question, is said', async () => {
  await using at = await opened()
  const { place, service } = at
  await place.ok(remote('service', 'add', 'bad', service.url, 'wrong'))
  await place.ok(remote('service', 'add', 'gone', 'http://127.0.0.1:1', 'key'))
  for (const [words, status, text] of [
    [['ls'], 2, /^Error: a service name must be passed/],
    [['ls', '--service='], 2, /^Error: remote pinning service name not specified/],
    [['ls', '--service=none'], 3, /^Error: service not known/],
    [['ls', '--service=bad'], 5, /^Error: reason: "UNAUTHORIZED", details: "wrong \\"token\\"": http error 401/],
    [['ls', '--service=gone'], 5, /^Error: .*127\.0\.0\.1:1/],
    [['ls', '--service=mine', '--status=x'], 2, /^Error: status "x" is not valid/],
    [['ls', '--service=mine', '--cid=x'], 2, /^Error: CID "x" cannot be parsed: cid too short/],
    [['rm', '--service=bad'], 5, /^Error: error while listing remote pins: reason: "UNAUTHORIZED"/],
    [['add', '--service=mine', '--wait', '--background', EMPTY], 2, /^Error: --wait and --background/],
  ] as const) {
    const result = await place.run(remote(...words))
    assert.equal(result.status, status, `${words.join(' ')}: ${result.stderr}`)
    assert.match(result.stderr, text)
    assert.ok(!result.stderr.includes(KEY))
  }
  // A service that says that there is more, and never sends it, ends the listing.
  service.batch = 0
  service.pins.push({ requestid: 'r', status: 'pinned', created: '', pin: { cid: EMPTY }, delegates: [] })
  const empty = await place.run(remote('ls', '--service=mine'))
  assert.deepEqual([empty.status, /PinResults\.count=1 but no new results/.test(empty.stderr)], [5, true])
})

test('a daemon tells the service where the data are', async () => {
  await using at = await opened()
  const { place, service } = at
  const cid = await place.ok(['block', 'put'], { input: 'here' })
  await place.ok(['config', '--json', 'Addresses.Swarm', '["/ip4/127.0.0.1/tcp/0"]'])
  const daemon = place.start(['daemon'])
  try {
    await printed(daemon, /Daemon is ready/)
    const result = await place.run(remote('add', '--service=mine', '--background', cid))
    assert.deepEqual([result.status, result.stderr], [0, ''])
    const [origin = ''] = service.pins[0]?.pin.origins ?? []
    assert.match(origin, /^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3/)
    service.pins.length = 0
    const remotely = await place.run([
      '--api',
      `/unix${place.repo}/api.sock`,
      ...remote('add', '--service=mine', '--background', cid),
    ])
    assert.equal(remotely.status, 0, remotely.stderr)
    assert.deepEqual(service.pins[0]?.pin.origins?.[0], origin)
  } finally {
    daemon.kill()
    await once(daemon, 'close')
  }
})

const kubo = process.env.KUBO_BIN || undefined

test('prints what Kubo prints', { skip: kubo === undefined ? 'KUBO_BIN names no Kubo' : false }, async () => {
  await using at = await opened()
  const { place, service } = at
  const env = { PATH: process.env.PATH, HOME: place.folder, IPFS_PATH: place.path('kubo') }
  // The service lives in this process: waiting must not keep it from answering.
  const theirs = (...words: string[]): Promise<string> =>
    new Promise(resolve => execFile(kubo ?? '', words, { env }, (_, stdout) => resolve(stdout.replace(/\n$/, ''))))
  await theirs('init', '--profile=test')
  await theirs(...remote('service', 'add', 'mine', service.url, KEY))
  for (const words of [
    ['add', '--service=mine', '--name=a b', EMPTY],
    ['add', '--service=mine', EMPTY, '--enc=json', '--background'],
    ['ls', '--service=mine'],
    ['ls', '--service=mine', '--enc=json', '--status=pinned,queued'],
    ['service', 'ls'],
    ['service', 'ls', '--stat'],
    ['service', 'ls', '--stat', '--enc=json'],
    ['rm', '--service=mine', `--cid=${EMPTY}`],
    ['ls', '--service=mine'],
  ]) {
    const [pins, polls] = [structuredClone(service.pins), service.polls]
    const expected = (await theirs(...remote(...words))).replace(/^WARNING.*\n/, '')
    service.pins.splice(0, service.pins.length, ...pins)
    service.polls = polls
    const ours = (await place.ok(remote(...words))).replace(',"Offline":true', '')
    const fields = (text: string): unknown =>
      text.startsWith('{') ? text.split('\n').map(line => JSON.parse(line)) : text
    assert.deepEqual(fields(ours), fields(expected), words.join(' '))
  }
})
