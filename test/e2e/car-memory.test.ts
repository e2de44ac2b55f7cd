/** CARs are read and written in constant memory: eight times as much takes little more. */
import assert from 'node:assert/strict'
import { closeSync, createReadStream, createWriteStream, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { test } from 'node:test'
import { ended, Place, seeded } from './program.ts'

const MIB = 1024 * 1024
const SMALL_MIB = 64
const LARGE_MIB = 512
const PEAK_BYTES_MAX = 150 * MIB
/** What is left to the collector of garbage differs from run to run. */
const GROWTH_MAX = 1.25

type Peaks = Readonly<Record<'export' | 'to-car' | 'import of a file' | 'import of a pipe', number>>

/** Makes a CAR of so many MiB, takes it in again, and returns how much memory each command has used. */
async function peaksOf(mib: number): Promise<Peaks> {
  using place = new Place()
  const options = { measure: true, timeoutMs: 180_000 }
  const file = place.path('file')
  const fd = openSync(file, 'w')
  for (let nth = 0; nth < mib; nth += 16) writeSync(fd, seeded(16 * MIB, nth + 1))
  closeSync(fd)
  const added = await place.run(['add', '-Q', `--to-car=${place.path('to.car')}`, file], options)
  assert.equal(added.status, 0, added.stderr)
  rmSync(file)

  const exporting = place.start(['dag', 'export', added.stdout.trim()])
  exporting.stdout.pipe(createWriteStream(place.path('export.car')))
  exporting.stdin.end()
  const exported = await ended(exporting, { ...options, discard: true })
  assert.equal(exported.status, 0, exported.stderr)
  assert.equal(statSync(place.path('export.car')).size, statSync(place.path('to.car')).size)
  rmSync(place.path('to.car'))

  const env = { TSIPFS_PATH: place.path('other') }
  const fromFile = await place.run(['dag', 'import', place.path('export.car')], { ...options, env })
  assert.equal(fromFile.status, 0, fromFile.stderr)
  rmSync(place.path('other'), { recursive: true })

  const importing = place.start(['dag', 'import'], { env })
  importing.stdin.on('error', () => undefined)
  createReadStream(place.path('export.car')).pipe(importing.stdin)
  const fromPipe = await ended(importing, options)
  assert.equal(fromPipe.status, 0, fromPipe.stderr)
  assert.equal(fromPipe.stdout, fromFile.stdout)
  return {
    export: exported.peakBytes,
    'to-car': added.peakBytes,
    'import of a file': fromFile.peakBytes,
    'import of a pipe': fromPipe.peakBytes,
  }
}

test(`CARs of ${LARGE_MIB} MiB take little more memory than such of ${SMALL_MIB} MiB`, async t => {
  const small = await peaksOf(SMALL_MIB)
  const large = await peaksOf(LARGE_MIB)
  for (const name of Object.keys(small) as (keyof Peaks)[]) {
    t.diagnostic(`${name}: ${small[name] >> 20} MiB, then ${large[name] >> 20} MiB`)
    assert.ok(large[name] < PEAK_BYTES_MAX, `${name}: ${large[name] >> 20} MiB`)
    assert.ok(
      large[name] < small[name] * GROWTH_MAX,
      `${name}: ${small[name] >> 20} MiB, then ${large[name] >> 20} MiB`,
    )
  }
})
