/** A ticket from one process, and others that fetch what it stands for. */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { Daemon } from './daemons.ts'
import { type Ended, ended, Place, printed, type Running, seeded } from './program.ts'

const BASE = '/dev/shm'
const TICKET = /^(uh[\w-]+)\n/

interface Sharing {
  readonly child: Running
  readonly over: Promise<Ended>
  readonly ticket: string
}

async function share(child: Running): Promise<Sharing> {
  child.stdin.end()
  const over = ended(child)
  const [, ticket = ''] = await printed(child, TICKET)
  return { child, over, ticket }
}

/** Runs a command where there is neither repo nor daemon. */
async function bare(place: Place, args: readonly string[]): Promise<string> {
  return await place.ok(args, { env: { TSIPFS_PATH: '' } })
}

test('a file and its name reach a machine without a repo; the sharing ends with the last fetch', async () => {
  using here = new Place(BASE)
  using there = new Place(BASE)
  await here.ok(['init', '--profile=test'])
  const bytes = Buffer.from(seeded(3 << 20, 7))
  writeFileSync(here.path('data.bin'), bytes)
  const secret = await here.ok(['add', '-Q', '--stdin-name=secret'], { input: 'secret' })
  const { over, ticket } = await share(here.start(['share', '--count=2', 'data.bin']))
  await bare(there, ['get', ticket])
  assert.ok(readFileSync(there.path('data.bin')).equals(bytes))
  assert.deepEqual(readdirSync(there.folder), ['data.bin'])
  // Others get what is shared, and nothing else of the repo.
  const { peer, address } = await parts(there, ticket)
  const refused = await there.run(['cat', '--peer', `${address}/p2p/${peer}`, '--lookup-timeout=5s', secret], {
    env: { TSIPFS_PATH: '' },
  })
  assert.equal(refused.status, 3, refused.stderr)
  const piece = await bare(there, ['cat', '--length=5', ticket])
  assert.equal(piece.length > 0, true)
  await bare(there, ['get', '-o', 'again', ticket])
  const { status, stderr } = await over
  assert.equal(status, 0, stderr)
  assert.match(stderr, /^fetched by 12D3Koo\w+ \(1 of 2\)\nfetched by 12D3Koo\w+ \(2 of 2\)\n$/)
  const cid = await here.ok(['add', '-nQ', 'data.bin'])
  assert.equal((await here.run(['pin', 'ls', cid])).status, 3, 'nothing is pinned unless it is asked for')
})

/** Returns what another process can read out of a ticket: the peer and an address. */
async function parts(place: Place, ticket: string): Promise<{ peer: string; address: string }> {
  const { decodeTicket } = await import('../../src/node/ticket.ts')
  const { peer, addresses } = decodeTicket(ticket)
  assert.ok(addresses.length > 0, place.folder)
  return { peer, address: addresses[0] ?? '' }
}

test('with a daemon beside it the ticket has the addresses of the daemon', async () => {
  await using daemon = await Daemon.start({ base: BASE })
  using there = new Place(BASE)
  mkdirSync(daemon.place.path('site', 'sub'), { recursive: true })
  writeFileSync(daemon.place.path('site', 'a'), 'one\n')
  writeFileSync(daemon.place.path('site', 'sub', 'b'), 'two\n')
  const { over, ticket } = await share(daemon.start(['share', '--pin', 'site']))
  assert.equal((await parts(daemon.place, ticket)).peer, daemon.peer)
  assert.equal(await bare(there, ['cat', `${ticket}/sub/b`]), 'two')
  await bare(there, ['get', ticket])
  assert.equal(readFileSync(there.path('site', 'sub', 'b'), 'utf8'), 'two\n')
  const { status, stderr } = await over
  assert.equal(status, 0, stderr)
  const cid = await daemon.ok(['add', '-nQr', 'site'])
  assert.match(await daemon.ok(['pin', 'ls', cid]), /recursive/)
})

test('what is shared is not collected while it is, by whomever; afterwards it is', { timeout: 120_000 }, async () => {
  await using daemon = await Daemon.start({ base: BASE })
  await using flatDaemon = await Daemon.start({ base: BASE, profile: 'test,flatfs' })
  using alone = new Place(BASE)
  using flat = new Place(BASE)
  await alone.ok(['init', '--profile=test'])
  await flat.ok(['init', '--profile=test,flatfs'])
  const collect = ['repo', 'gc', '--lock-timeout=1s']
  const inside = (place: Place): string[] => ['--api', `/unix${place.repo}/api.sock`, ...collect]
  for (const [place, gcs] of [
    [daemon.place, [collect, inside(daemon.place)]],
    [flatDaemon.place, [collect, inside(flatDaemon.place)]],
    [alone, [collect]],
    [flat, [collect]],
  ] as const) {
    using there = new Place(BASE)
    const bytes = Buffer.from(seeded(1 << 20, 9))
    writeFileSync(place.path('data.bin'), bytes)
    const { over, ticket } = await share(place.start(['share', 'data.bin']))
    // Other calls come and go: the daemon is idle but for the sharing.
    await place.ok(['add', '-Q'], { input: 'something else' })
    // A collection may wait for the sharing, and be refused; it may not take anything.
    for (const gc of gcs) await place.run(gc)
    await bare(there, ['get', ticket])
    assert.ok(readFileSync(there.path('data.bin')).equals(bytes))
    const { status, stderr } = await over
    assert.equal(status, 0, stderr)
    await place.ok(['repo', 'gc'])
    const cid = await place.ok(['add', '-nQ', 'data.bin'])
    assert.equal((await place.run(['cat', '--offline', cid])).status, 3, 'nobody keeps it any longer')
  }
})

test('sharing ends with 130 when it is interrupted, with 4 when its time is over', async () => {
  using here = new Place(BASE)
  await here.ok(['init', '--profile=test'])
  const { child, over } = await share(here.start(['share']))
  child.kill('SIGINT')
  assert.equal((await over).status, 130)
  const late = await here.run(['share', '--timeout=1s'], { input: 'some' })
  assert.equal(late.status, 4, late.stderr)
  assert.match(late.stdout, TICKET)
})
