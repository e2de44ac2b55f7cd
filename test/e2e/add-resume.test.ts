/** An `add` that was killed goes on where it stopped. */
import assert from 'node:assert/strict'
import { mkdirSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { Daemon } from './daemons.ts'
import { ended, Place } from './program.ts'

const BASE = '/dev/shm'
const LONG_AGO = new Date('2020-01-01T00:00:00Z')
/** Files without blocks on disk, which take a while to read all the same: longer than the test waits. */
const LARGE_FILES = 400
const LARGE_BYTES = 64 * 1024 * 1024

/** Makes a folder whose first file is small. */
function makeTree(place: Place): string {
  const first = place.path('tree', '000')
  mkdirSync(place.path('tree'))
  writeFileSync(first, 'first')
  for (let nth = 1; nth <= LARGE_FILES; nth++) {
    const file = place.path('tree', String(nth).padStart(3, '0'))
    writeFileSync(file, '')
    truncateSync(file, LARGE_BYTES)
    utimesSync(file, LONG_AGO, LONG_AGO)
  }
  // What was written a moment ago is not noted: it could change once more within its time of modification.
  utimesSync(first, LONG_AGO, LONG_AGO)
  return first
}

for (const way of ['alone', 'beside a daemon']) {
  test(`what an add that was killed with -9 had finished is not read again, ${way}`, { timeout: 120_000 }, async () => {
    await using daemon = way === 'alone' ? undefined : await Daemon.start({ base: BASE })
    using own = new Place(BASE)
    const place = daemon?.place ?? own
    if (daemon === undefined) await place.ok(['init', '--profile=test'])
    const first = makeTree(place)
    const noted = async (): Promise<string> => await place.ok(['diag', 'datastore', 'count', '/cache/add'])
    assert.equal(await noted(), '0')
    const child = place.start(['add', '-rQ', '--chunker=size-1048576', 'tree'])
    const over = ended(child)
    while ((await noted()) === '0') assert.equal(child.exitCode, null, 'it ended before anything was noted')
    child.kill('SIGKILL')
    assert.equal((await over).status, 137)

    // What looks the same is taken to be the same: that its content is another one now shows that it is not read.
    writeFileSync(first, 'other')
    utimesSync(first, LONG_AGO, LONG_AGO)
    const add = (...more: string[]): Promise<string> =>
      place.ok(['add', '-Q', '--chunker=size-1048576', ...more, first])
    assert.equal(await place.ok(['cat', '--offline', await add()]), 'first')
    assert.equal(await place.ok(['cat', '--offline', await add('--no-checkpoint')]), 'other')
    // With other settings it is another DAG.
    assert.equal(await place.ok(['cat', '--offline', await add('--raw-leaves')]), 'other')
  })
}
