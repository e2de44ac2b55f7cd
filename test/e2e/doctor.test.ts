/** `doctor` against a network of daemons: what it says is so. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Daemon } from './daemons.ts'
import { Place } from './program.ts'

const BASE = '/dev/shm'

interface Record {
  readonly Check: string
  readonly State: string
  readonly Message: string
  // biome-ignore lint/suspicious/noExplicitAny: each check has details of its own
  readonly Details?: any
}

async function examined(on: Daemon | Place, args: readonly string[], status = 0): Promise<Map<string, Record[]>> {
  const result = await on.run([
    ...args.filter(word => word.startsWith('--peer')),
    'doctor',
    '--json',
    ...args.filter(word => !word.startsWith('--peer')),
  ])
  assert.equal(result.status, status, result.stderr + result.stdout)
  const checks = new Map<string, Record[]>()
  for (const line of result.stdout.trim().split('\n')) {
    const record = JSON.parse(line) as Record
    checks.set(record.Check, [...(checks.get(record.Check) ?? []), record])
  }
  return checks
}

function peersIn(checks: Map<string, Record[]>): string[] {
  return [...(checks.get('providers')?.[0]?.Details.Peers ?? [])]
}

test('an object: who provides it, who answers, how fast, and since when this node does', {
  timeout: 180_000,
}, async () => {
  // What is not pinned is not announced by itself.
  await using one = await Daemon.start({ base: BASE, config: { 'Provide.Strategy': 'roots' } })
  await using two = await Daemon.start({ base: BASE })
  await using liar = await Daemon.start({ base: BASE })
  await using asking = await Daemon.start({ base: BASE })
  for (const each of [two, liar, asking]) await each.connect(one)
  const began = Date.now()
  const input = 'looked for by the doctor\n'
  const cid = await one.ok(['add', '-Q', '--cid-version=1', '--provide=wait'], { input })
  await liar.ok(['add', '-Q', '--cid-version=1', '--provide=wait'], { input })
  await liar.ok(['pin', 'rm', cid])
  await liar.ok(['block', 'rm', cid])

  const elsewhere = await examined(asking, [cid], 1)
  assert.equal(elsewhere.get('blocks')?.[0]?.State, 'failed')
  assert.deepEqual(peersIn(elsewhere).sort(), [one.peer, liar.peer].sort())
  const answers = new Map(elsewhere.get('answers')?.map(record => [record.Details.Peer as string, record]))
  const right = answers.get(one.peer)?.Details
  assert.equal(right.Has, true)
  assert.equal(right.Bytes, input.length)
  assert.equal(right.Transport, 'TCP')
  assert.match(right.Address, /^\/ip4\/127\.0\.0\.1\/tcp\/\d+$/)
  assert.ok(right.FirstByteMs > 0 && right.FirstByteMs < 10_000, String(right.FirstByteMs))
  assert.equal(answers.get(liar.peer)?.Details.Has, false)
  assert.equal(answers.get(liar.peer)?.State, 'failed')

  const own = await examined(one, [cid], 1)
  const since = Date.parse(own.get('announced')?.[0]?.Details.Since)
  assert.ok(since >= began - 1_000 && since <= Date.now(), 'since it was announced')
  assert.equal(own.get('blocks')?.[0]?.State, 'ok')
  await one.ok(['provide', 'once', cid])
  await one.until(['doctor', '--json', cid], text => /"Since":"([^"]+)","Last":"(?!\1)/.test(text))
  const again = (await examined(one, [cid], 1)).get('announced')?.[0]?.Details
  assert.equal(Date.parse(again.Since), since, 'the first time stays')
  assert.ok(Date.parse(again.Last) > since)
  // As if it were typed elsewhere.
  const remote = await one.run(['--api', `/unix${one.place.repo}/api.sock`, 'doctor', cid])
  assert.match(remote.stdout, /^ok +announced: this node announces it since \S+, last at /m)

  const unknown = await one.ok(['add', '-Q', '--pin=false', '--provide=none', '--cid-version=1'], {
    input: 'never announced\n',
  })
  const silent = await examined(one, [unknown])
  assert.equal(silent.get('announced')?.[0]?.State, 'warning')
  assert.equal(silent.get('providers')?.[0]?.State, 'warning')

  // A provider that is gone does not answer.
  await liar.kill()
  const gone = await examined(asking, [cid], 1)
  const dead = gone.get('answers')?.find(record => record.Details.Peer === liar.peer)
  assert.equal(dead?.State, 'failed')
  assert.ok(dead?.Details.Error)

  // Without a daemon a node of the command asks.
  using alone = new Place(BASE)
  await alone.ok(['init', '--profile=test'])
  const found = await examined(alone, [`--peer=${one.address}`, cid], 1)
  assert.ok(peersIn(found).includes(one.peer))
  assert.equal(found.get('announced'), undefined, 'it has nothing to announce')
})

test('the node: ports, peers, NAT, limits, clock, disk', { timeout: 120_000 }, async () => {
  await using one = await Daemon.start({ base: BASE })
  const lonely = await examined(one, [])
  assert.equal(lonely.get('peers')?.[0]?.State, 'warning')
  assert.equal(lonely.get('reachable')?.[0]?.State, 'warning')
  await using two = await Daemon.start({ base: BASE })
  await two.connect(one)
  const well = await examined(one, [])
  assert.equal(well.get('peers')?.[0]?.Details.Peers, 1)
  assert.equal(well.get('reachable')?.[0]?.Details.Inbound, 1)
  assert.ok(one.address.startsWith(`${well.get('ports')?.[0]?.Details.Addresses[0]}/p2p/`))
  assert.equal(well.get('nat')?.[0]?.State, 'warning', 'it has an address of loopback only')
  for (const check of ['repo', 'secrets', 'config', 'disk', 'clock', 'limits', 'daemon', 'traffic', 'announcing']) {
    assert.equal(well.get(check)?.[0]?.State, 'ok', check)
  }
  assert.ok(well.get('disk')?.[0]?.Details.FreeBytes > 0)
  assert.equal((await examined(one, ['--only=repo'])).get('ports'), undefined)
  assert.equal((await examined(one, ['--only=network'])).get('disk'), undefined)
  // A daemon that is stuck is found, and does not hold the doctor up.
  process.kill(one.pid, 'SIGSTOP')
  try {
    const stuck = await one.run(['doctor', '--timeout=5s'])
    assert.notEqual(stuck.status, 0)
    assert.match(stuck.stdout, /^ok +repo: /m)
  } finally {
    process.kill(one.pid, 'SIGCONT')
  }
})

test('the clock is held against those of gateways', { timeout: 60_000 }, async () => {
  let aheadMs = 0
  const server = createServer((_, response) => {
    response.setHeader('Date', new Date(Date.now() + aheadMs).toUTCString())
    response.writeHead(404).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const gateway = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await using daemon = await Daemon.start({ base: BASE })
  using alone = new Place(BASE)
  await alone.ok(['init', '--profile=test'])
  try {
    for (const on of [daemon, alone]) {
      aheadMs = 0
      const right = (await examined(on, ['--only=network', '--gateway', gateway])).get('clock')?.[0]
      assert.deepEqual([right?.State, right?.Message], ['ok', `it agrees with that of ${gateway}`])
      aheadMs = 600_000
      const late = (await examined(on, ['--only=network', '--gateway', gateway], 1)).get('clock')?.[0]
      assert.equal(late?.State, 'failed')
      assert.match(late?.Message ?? '', /^the clock is (59[89]|60[01]) s behind that of http/)
      aheadMs = -600_000
      const early = (await examined(on, ['--only=network', '--gateway', gateway], 1)).get('clock')?.[0]
      assert.match(early?.Message ?? '', /^the clock is (59[89]|60[01]) s ahead of that of http/)
    }
  } finally {
    server.closeAllConnections()
    server.close()
  }
})
