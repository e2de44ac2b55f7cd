/** Fetching: between daemons, through the daemon beside a command, and without one. */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { Daemon } from './daemons.ts'
import { Place, seeded } from './program.ts'

const BASE = '/dev/shm'
const MIB = 1024 * 1024
const NOWHERE = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'

/** Adds a file of so many bytes, and returns its CID and bytes. */
async function addFile(on: Daemon | Place, size: number, seed: number): Promise<{ cid: string; bytes: Buffer }> {
  const place = on instanceof Place ? on : on.place
  const bytes = Buffer.from(seeded(size, seed))
  writeFileSync(place.path('added'), bytes)
  return { cid: await on.ok(['add', '-Q', 'added']), bytes }
}

/** Saves a file, and compares it. */
async function getsFile(
  on: Daemon | Place,
  { cid, bytes }: { readonly cid: string; readonly bytes: Buffer },
  ...options: string[]
): Promise<void> {
  const place = on instanceof Place ? on : on.place
  await on.ok(['get', '-o', 'got', ...options, cid])
  assert.ok(readFileSync(place.path('got')).equals(bytes), `${cid} came as it was`)
}

test('a daemon fetches from another; what came is in the shared repo, and counted', async () => {
  await using a = await Daemon.start({ base: BASE })
  await using b = await Daemon.start({ base: BASE })
  const file = await addFile(a, 3 * MIB, 1)
  await b.connect(a)
  await getsFile(b, file)
  await getsFile(b, file, '--offline')
  assert.match(await b.ok(['bitswap', 'stat']), /blocks received: 13\n/)
  const stat = JSON.parse(await a.ok(['bitswap', 'stat', '--enc=json']))
  assert.equal(stat.BlocksSent, 13)
  assert.deepEqual(stat.Peers, [b.peer])
  assert.match(
    await a.ok(['bitswap', 'ledger', b.peer]),
    new RegExp(`^Ledger for ${b.peer}\nDebt ratio:\t${stat.DataSent}\\.`),
  )
  assert.match(
    await b.ok(['stats', 'bitswap', '--human', '-v']),
    new RegExp(`data received: 3.1 MB\n(.*\n)*\t\t${a.peer}`),
  )
})

test('a folder of many files is asked for many at a time', async () => {
  await using a = await Daemon.start({ base: BASE })
  await using b = await Daemon.start({ base: BASE })
  mkdirSync(a.place.path('tree'))
  for (let nth = 0; nth < 600; nth++) writeFileSync(a.place.path('tree', `f${nth}`), `${nth}`.repeat(50))
  const cid = await a.ok(['add', '-Qr', 'tree'])
  await b.connect(a)
  await b.ok(['get', '-o', 'tree', cid])
  assert.equal(readdirSync(b.place.path('tree')).length, 600)
  assert.equal(readFileSync(b.place.path('tree', 'f77'), 'utf8'), '77'.repeat(50))
  const { MessagesReceived: messages } = JSON.parse(await b.ok(['bitswap', 'stat', '--enc=json']))
  assert.ok(messages < 150, `${messages} messages for 600 files`)
})

test('a pin through the daemon beside it is whole and outlives kill -9 of both', async () => {
  await using a = await Daemon.start({ base: BASE })
  await using b = await Daemon.start({ base: BASE })
  const file = await addFile(a, 2 * MIB, 2)
  await b.connect(a)
  assert.equal(await b.ok(['pin', 'add', file.cid]), `pinned ${file.cid} recursively`)
  await b.kill()
  const verified = await b.place.ok(['pin', 'verify', '--verbose'])
  assert.ok(verified.split('\n').includes(`${file.cid} ok`), verified)
  await getsFile(b.place, file, '--offline')
})

test('without a daemon a command fetches from a peer that is named, and without a repo too', async () => {
  await using a = await Daemon.start({ base: BASE })
  const file = await addFile(a, 2 * MIB, 3)
  using place = new Place(BASE)
  await place.ok(['init', '--profile=test'])
  await getsFile(place, file, '--peer', a.address)
  await getsFile(place, file, '--offline')
  using bare = new Place(BASE)
  const { status, stderr } = await bare.run(['get', '-o', 'got', '--peer', a.address, file.cid], {
    env: { TSIPFS_PATH: '' },
  })
  assert.equal(status, 0, stderr)
  assert.ok(readFileSync(bare.path('got')).equals(file.bytes))
  assert.deepEqual(readdirSync(bare.folder), ['got'])
})

test('nobody to ask: not found at once, with the way out', async () => {
  using place = new Place(BASE)
  await place.ok(['init', '--profile=test'])
  const alone = await place.run(['cat', NOWHERE])
  assert.equal(alone.status, 3)
  assert.match(alone.stderr, /hint: name a peer with --peer or a gateway with --gateway/)
  const offline = await place.run(['cat', '--offline', NOWHERE])
  assert.equal(offline.status, 3)
  assert.match(offline.stderr, /hint: leave out --offline/)
  await using a = await Daemon.start({ base: BASE })
  const started = Date.now()
  const asked = await place.run(['cat', '--peer', a.address, NOWHERE])
  assert.equal(asked.status, 3)
  assert.match(asked.stderr, /was not found: asked 1 peer/)
  const dead = `/ip4/127.0.0.1/tcp/1/p2p/${a.peer}`
  const unreached = await place.run(['cat', '--peer', dead, NOWHERE])
  assert.equal(unreached.status, 3)
  assert.ok(unreached.stderr.includes(`could not reach ${dead}`), unreached.stderr)
  assert.ok(Date.now() - started < 20_000)
})

test('time limits: until somebody is found, and for the whole command; the want is taken back', async () => {
  await using a = await Daemon.start({ base: BASE })
  await using b = await Daemon.start({ base: BASE })
  await b.connect(a)
  const lookup = await b.run(['cat', '--lookup-timeout=1s', NOWHERE])
  assert.equal(lookup.status, 4)
  assert.match(lookup.stderr, /was not found within 1s \(request timed out\): asked 1 peer/)
  assert.match(lookup.stderr, /hint: allow more with --lookup-timeout/)
  const waiting = b.run(['cat', '--timeout=3s', NOWHERE])
  await b.until(['bitswap', 'wantlist'], text => text.trim() === NOWHERE)
  await a.until(['bitswap', 'wantlist', '-p', b.peer], text => text.trim() === NOWHERE)
  const timedOut = await waiting
  assert.equal(timedOut.status, 4)
  assert.match(timedOut.stderr, /context deadline exceeded/)
  await b.until(['bitswap', 'wantlist'], text => text === '')
  await a.until(['bitswap', 'wantlist', '-p', b.peer], text => text === '')
})

test('a daemon that is offline asks nobody, and neither does a call with offline=true', async () => {
  await using a = await Daemon.start({ base: BASE, args: ['--offline'] })
  const beside = await a.run(['cat', NOWHERE])
  assert.equal(beside.status, 3)
  assert.match(beside.stderr, /hint: the daemon runs with --offline/)
  await using b = await Daemon.start({ base: BASE })
  const api = readFileSync(b.place.path('repo', 'api'), 'utf8')
  const remote = await b.run(['--api', api, 'cat', '--offline', NOWHERE])
  assert.equal(remote.status, 3)
})

test('what another process stores meanwhile goes to those who wait for it', async () => {
  await using a = await Daemon.start({ base: BASE })
  await using b = await Daemon.start({ base: BASE })
  using elsewhere = new Place(BASE)
  await b.connect(a)
  const bytes = Buffer.from(seeded(1_000, 9))
  writeFileSync(elsewhere.path('late'), bytes)
  const cid = await elsewhere.ok(['add', '-Q', '--only-hash', 'late'])
  const waiting = b.run(['get', '-o', 'got', cid])
  await a.until(['bitswap', 'wantlist', '-p', b.peer], text => text.trim() === cid)
  writeFileSync(a.place.path('late'), bytes)
  await a.ok(['add', '-Q', 'late'])
  const { status, stderr } = await waiting
  assert.equal(status, 0, stderr)
  assert.ok(readFileSync(b.place.path('got')).equals(bytes))
})

test('ten daemons in a ring, each connected to the next two, pass a file around', async () => {
  const ring = await Promise.all(Array.from({ length: 10 }, () => Daemon.start({ base: BASE })))
  await using stack = new AsyncDisposableStack()
  for (const daemon of ring) stack.use(daemon)
  await Promise.all(
    ring.map(async (daemon, nth) => {
      for (const step of [1, 2]) {
        const next = ring[(nth + step) % ring.length]
        if (next !== undefined) await daemon.connect(next)
      }
    }),
  )
  const [first, ...others] = ring
  assert.ok(first)
  const file = await addFile(first, MIB, 4)
  // Those who are far away wait until it has come to a neighbour.
  await Promise.all(others.map(daemon => getsFile(daemon, file)))
})
