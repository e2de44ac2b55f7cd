/** Fetching from peers that lie, stall or die, and through a daemon that does. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { prefixOf } from '../../src/node/network/bitswap/cid.ts'
import { Daemon } from './daemons.ts'
import { ended, Place, seeded } from './program.ts'
import { RawBitswap } from './raw-bitswap.ts'

const BASE = '/dev/shm'
const MIB = 1024 * 1024
const RAW = 0x55

function rawCid(bytes: Uint8Array): CID {
  return CID.createV1(RAW, Digest.create(0x12, createHash('sha256').update(bytes).digest()))
}

/** Adds a file on several nodes. */
async function addOn(nodes: readonly Daemon[], size: number, seed: number): Promise<{ cid: string; bytes: Buffer }> {
  const bytes = Buffer.from(seeded(size, seed))
  let cid = ''
  for (const node of nodes) {
    writeFileSync(node.place.path('added'), bytes)
    cid = await node.ok(['add', '-Q', 'added'])
  }
  return { cid, bytes }
}

/** Waits until something is so. */
async function until(condition: () => boolean | Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  const end = Date.now() + timeoutMs
  while (!(await condition())) {
    if (Date.now() > end) throw new Error('it did not come to pass')
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

test('bytes of a liar are dropped, and an honest peer is asked', async () => {
  const bytes = Buffer.from('the truth')
  const cid = rawCid(bytes)
  await using liar = await RawBitswap.start(({ cid: wanted }) => ({
    presences: [{ cid: wanted, has: true }],
    blocks: [{ prefix: prefixOf(cid), data: Buffer.from('a lie') }],
  }))
  await using a = await Daemon.start({ base: BASE })
  await using b = await Daemon.start({ base: BASE })
  writeFileSync(a.place.path('truth'), bytes)
  assert.equal(await a.ok(['add', '-Q', '--cid-version=1', 'truth']), cid.toString())
  await liar.dial(b.address)
  await b.connect(a)
  assert.equal(await b.ok(['cat', cid.toString()]), 'the truth')
  assert.ok(liar.asked.length > 0)
})

test('a liar alone: nothing is printed, and the time limit is kept', async () => {
  const cid = rawCid(Buffer.from('never told'))
  await using liar = await RawBitswap.start(({ cid: wanted }) => ({
    presences: [{ cid: wanted, has: true }],
    blocks: [{ prefix: prefixOf(cid), data: Buffer.from('a lie') }],
  }))
  using place = new Place(BASE)
  await place.ok(['init', '--profile=test'])
  const asked = await place.run(['cat', '--peer', liar.address, '--stall-timeout=2s', cid.toString()])
  assert.equal(asked.status, 4, asked.stderr)
  assert.equal(asked.stdout, '')
  assert.match(asked.stderr, /not a byte came for 2s while block .* was waited for \(request timed out\): asked 1 peer/)
  assert.match(asked.stderr, /hint: allow more with --stall-timeout/)
})

test('a peer that speaks an older version alone is asked in that', async () => {
  const bytes = Buffer.from('in the words of old')
  const cid = rawCid(bytes)
  await using old = await RawBitswap.start(
    () => ({ blocks: [{ prefix: prefixOf(cid), data: bytes }] }),
    '/ipfs/bitswap/1.1.0',
  )
  await using b = await Daemon.start({ base: BASE })
  await b.ok(['swarm', 'connect', old.address])
  assert.equal(await b.ok(['cat', cid.toString()]), 'in the words of old')
  assert.deepEqual(new Set(old.asked), new Set([Buffer.from(cid.bytes).toString('hex')]))
})

test('a peer that promises and sends nothing is passed over', async () => {
  const bytes = Buffer.from('worth the wait')
  const cid = rawCid(bytes)
  await using silent = await RawBitswap.start(({ cid: wanted }) => ({ presences: [{ cid: wanted, has: true }] }))
  await using a = await Daemon.start({ base: BASE })
  await using b = await Daemon.start({ base: BASE })
  await silent.dial(b.address)
  const waiting = b.run(['cat', cid.toString()])
  await until(() => silent.asked.length > 0)
  writeFileSync(a.place.path('late'), bytes)
  await a.ok(['add', '-Q', '--cid-version=1', 'late'])
  await b.connect(a)
  const { status, stdout, stderr } = await waiting
  assert.equal(status, 0, stderr)
  assert.equal(stdout, 'worth the wait')
})

test('a server that is killed in the middle: another one goes on', async () => {
  await using a = await Daemon.start({ base: BASE })
  await using c = await Daemon.start({ base: BASE })
  await using b = await Daemon.start({ base: BASE })
  const file = await addOn([a, c], 96 * MIB, 5)
  await b.connect(a)
  const getting = b.start(['get', '-o', 'got', file.cid])
  const over = ended(getting)
  await until(async () => Number(/blocks received: (\d+)/.exec(await b.ok(['bitswap', 'stat']))?.[1]) > 8)
  await b.connect(c)
  await a.kill()
  const { status, stderr } = await over
  assert.equal(status, 0, stderr)
  assert.ok(readFileSync(b.place.path('got')).equals(file.bytes))
})

test('the daemon beside a command is killed in the middle: the command goes on by itself', async () => {
  await using a = await Daemon.start({ base: BASE })
  await using b = await Daemon.start({ base: BASE })
  const file = await addOn([a], 96 * MIB, 6)
  await b.connect(a)
  const over = ended(b.start(['get', '-o', 'got', '--peer', a.address, file.cid]))
  await until(async () => Number(/blocks sent: (\d+)/.exec(await a.ok(['bitswap', 'stat']))?.[1]) > 8)
  await b.kill()
  const { status, stderr } = await over
  assert.equal(status, 0, stderr)
  assert.ok(readFileSync(b.place.path('got')).equals(file.bytes))
  await b.restart()
})

test('a pin is not stored when the daemon that fetched for it is killed before it has stored', async () => {
  await using a = await Daemon.start({ base: BASE })
  await using b = await Daemon.start({ base: BASE })
  const file = await addOn([a], 96 * MIB, 7)
  await b.connect(a)
  const over = ended(b.start(['pin', 'add', '--peer', a.address, file.cid]))
  await until(async () => Number(/blocks sent: (\d+)/.exec(await a.ok(['bitswap', 'stat']))?.[1]) > 8)
  await b.kill()
  const { status } = await over
  // Whether it ended well or not: what is pinned is whole, and a second try succeeds.
  const verified = await b.place.run(['pin', 'verify'])
  assert.equal(verified.status, 0, verified.stdout)
  const listed = await b.place.run(['pin', 'ls', '--type=recursive', file.cid])
  assert.equal(listed.status === 0, status === 0)
  await b.place.ok(['pin', 'add', '--peer', a.address, file.cid])
  await b.place.ok(['get', '-o', 'got', '--offline', file.cid])
  assert.ok(readFileSync(b.place.path('got')).equals(file.bytes))
})

test('Ctrl-C ends a fetch at once, and nothing is left waiting', async () => {
  await using a = await Daemon.start({ base: BASE })
  await using b = await Daemon.start({ base: BASE })
  await b.connect(a)
  const cid = rawCid(Buffer.from('nowhere')).toString()
  const waiting = b.start(['cat', cid])
  const over = ended(waiting)
  await b.until(['bitswap', 'wantlist'], text => text.trim() === cid)
  waiting.kill('SIGINT')
  assert.equal((await over).status, 130)
  await b.until(['bitswap', 'wantlist'], text => text === '')
})
