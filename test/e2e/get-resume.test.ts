/**
 * A `get` that ended early goes on where it stopped: what was fetched and hashes right stays in the repo and, where
 * there is none, in the files that were saved and in the part of the one that was not.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as later } from 'node:timers/promises'
import { Daemon } from './daemons.ts'
import { type Ended, ended, Place, printed, type Running, seeded } from './program.ts'

const BYTES = 96 << 20
const BLOCKS = BYTES / 262_144

test('a get that was killed fetches only what is missing', { timeout: 120_000 }, async () => {
  using there = new Place()
  using here = new Place()
  const bytes = seeded(BYTES, 1)
  writeFileSync(there.path('big'), bytes)
  for (const place of [there, here]) await place.ok(['init', '--profile=test'])
  const cid = await there.ok(['add', '-Q', 'big'])
  const daemon = there.start(['daemon'])
  try {
    await printed(daemon, /Daemon is ready/)
    const address = await there.ok(['id', '--template', '{Addresses.0}'])
    const child = here.start(['get', '--peer', address, '-o', 'out', cid])
    // Killed once some blocks have been stored, long before all have.
    for (let stored = 0; stored < 10; ) {
      assert.equal(child.exitCode, null, 'it was done too early')
      stored = Number(await here.ok(['repo', 'stat', '--template', '{NumObjects}'])) - 1
    }
    child.kill('SIGKILL')
    await ended(child)
    assert.equal(existsSync(here.path('out')), false, 'a part never carries the final name')
    const kept = Number(await here.ok(['repo', 'stat', '--template', '{NumObjects}']))
    const before = Number(await there.ok(['bitswap', 'stat', '--template', '{BlocksSent}']))
    await here.ok(['get', '--peer', address, '-o', 'out', cid])
    assert.ok(readFileSync(here.path('out')).equals(bytes))
    const sent = Number(await there.ok(['bitswap', 'stat', '--template', '{BlocksSent}'])) - before
    assert.ok(sent <= BLOCKS + 5 - kept + 5, `${sent} blocks were sent again although ${kept} of ${BLOCKS} were here`)
  } finally {
    daemon.kill('SIGTERM')
    await ended(daemon)
  }
})

const MIB = 1 << 20
/** No repo, and so nowhere to keep what was fetched but where it was to be saved. */
const BARE = { TSIPFS_PATH: '' }

function partsIn(folder: string): string[] {
  return readdirSync(folder).filter(name => name.endsWith('.part'))
}

async function blocksSent(daemon: Daemon): Promise<number> {
  return Number(await daemon.ok(['bitswap', 'stat', '--template', '{BlocksSent}']))
}

/** Ends a get in the middle, by `stop`, once its part has some megabytes. Returns how it ended, and what the part has. */
async function endedEarly(
  place: Place,
  child: Running,
  cid: string,
  stop: () => void | Promise<void>,
): Promise<Ended & { bytes: number }> {
  const over = ended(child)
  for (let bytes = 0; bytes < 8 * MIB; ) {
    assert.equal(child.exitCode, null, 'it was done too early')
    const [part] = partsIn(place.folder)
    bytes = part === undefined ? 0 : statSync(place.path(part)).size
    await later(2)
  }
  await stop()
  const end = await over
  const [part = '', ...others] = partsIn(place.folder)
  assert.deepEqual(others, [], 'there is one part')
  assert.match(part, new RegExp(`^\\.tsipfs-${cid}-`), 'it is named by the CID')
  assert.equal(existsSync(place.path('out')), false, 'a part never carries the final name')
  return { ...end, bytes: statSync(place.path(part)).size }
}

test('without a repo the part of a file is gone on with, however it was ended', { timeout: 240_000 }, async () => {
  await using server = await Daemon.start({ base: '/dev/shm' })
  using there = new Place('/dev/shm')
  const bytes = Buffer.from(seeded(BYTES, 2))
  writeFileSync(server.place.path('big'), bytes)
  for (const format of [['--cid-version=0'], ['--cid-version=1']]) {
    const cid = await server.ok(['add', '-Q', ...format, 'big'])
    const get = (): string[] => ['get', '--peer', server.address, '--stall-timeout=2s', '-o', 'out', cid]
    const start = (): Running => there.start(get(), { env: BARE })
    const first = start()
    const killed = await endedEarly(there, first, cid, () => void first.kill('SIGKILL'))
    assert.equal(killed.status, 137)
    const second = start()
    const interrupted = await endedEarly(there, second, cid, () => void second.kill('SIGINT'))
    assert.equal(interrupted.status, 130)
    assert.ok(interrupted.bytes >= killed.bytes, 'what the first has saved is there still')
    const cut = await endedEarly(there, start(), cid, async () => void (await server.kill()))
    assert.ok([3, 4, 5].includes(cut.status), `${cut.status}: ${cut.stderr}`)
    await server.restart()
    // What does not hash right is fetched again.
    const [part = ''] = partsIn(there.folder)
    const damaged = readFileSync(there.path(part))
    damaged[5 * MIB] = (damaged[5 * MIB] ?? 0) ^ 1
    writeFileSync(there.path(part), damaged)
    const kept = Math.floor(cut.bytes / 262_144)
    const before = await blocksSent(server)
    await there.ok(get(), { env: BARE })
    assert.ok(readFileSync(there.path('out')).equals(bytes))
    assert.deepEqual(partsIn(there.folder), [], 'nothing else is left')
    const sent = (await blocksSent(server)) - before
    // Its inner blocks, and the one that was damaged, come again.
    assert.ok(
      kept >= 32 && sent <= BLOCKS - kept + 8,
      `${sent} blocks were sent although ${kept} of ${BLOCKS} were here`,
    )
    // A whole file that is there already is not fetched at all.
    await there.ok(get(), { env: BARE })
    assert.ok((await blocksSent(server)) - before - sent <= 5)
    rmSync(there.path('out'))
  }
})

test('without a repo the files of a folder that were saved are not fetched again', { timeout: 120_000 }, async () => {
  await using server = await Daemon.start({ base: '/dev/shm' })
  using there = new Place('/dev/shm')
  const [files, fileBytes] = [48, MIB + 100]
  mkdirSync(server.place.path('tree', 'sub'), { recursive: true })
  for (let nth = 0; nth < files; nth++) {
    writeFileSync(server.place.path('tree', `file-${String(nth).padStart(2, '0')}`), seeded(fileBytes, nth))
    writeFileSync(server.place.path('tree', 'sub', `small-${nth}`), `small ${nth}`)
  }
  const cid = await server.ok(['add', '-rQ', 'tree'])
  const get = ['get', '--peer', server.address, '-o', 'out', cid]
  const child = there.start(get, { env: BARE })
  const over = ended(child)
  const saved = (): number => (existsSync(there.path('out')) ? readdirSync(there.path('out')).length : 0)
  while (saved() < files / 3) {
    assert.equal(child.exitCode, null, 'it was done too early')
    await later(2)
  }
  child.kill('SIGKILL')
  await over
  const kept = saved() - 1
  const before = await blocksSent(server)
  await there.ok(get, { env: BARE })
  const sent = (await blocksSent(server)) - before
  for (let nth = 0; nth < files; nth++) {
    const name = `file-${String(nth).padStart(2, '0')}`
    assert.ok(readFileSync(there.path('out', name)).equals(seeded(fileBytes, nth)))
  }
  assert.deepEqual(partsIn(there.path('out')), [])
  // Five leaves and an inner block to a file, and the folders; of those that are here the inner block alone.
  const most = (files - kept) * 6 + kept + files + 8
  assert.ok(sent <= most, `${sent} blocks were sent, ${most} at most are missing`)
  const again = await blocksSent(server)
  await there.ok(get, { env: BARE })
  assert.ok(
    (await blocksSent(server)) - again <= files + 8,
    'small files are recognised, of large ones the inner block is fetched',
  )
})
