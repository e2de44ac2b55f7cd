/** A `get` that was killed goes on where it stopped: what was fetched and hashes right stays in the repo. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { ended, Place, printed, seeded } from './program.ts'

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
