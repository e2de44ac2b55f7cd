/** A folder that is added again each time that something in it has changed. */
import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { Daemon } from './daemons.ts'
import { ended, Place, type Running } from './program.ts'

const BASE = '/dev/shm'
const LONG_AGO = new Date('2020-01-01T00:00:00Z')

/** Returns what gives the next line that a program prints, within a limit. */
function linesOf(child: Running): () => Promise<string> {
  child.stdin.end()
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return async () => {
    const limit = AbortSignal.timeout(20_000)
    const late = new Promise<never>((_, reject) => {
      limit.addEventListener('abort', () => reject(new Error('no further line within 20 s')), { once: true })
    })
    const next = await Promise.race([lines.next(), late])
    assert.equal(next.done, false, 'it ended')
    return String(next.value)
  }
}

/** Changes files while the program stands still, so that it sees all changes as one. */
function changing(child: Running, work: () => void): void {
  child.kill('SIGSTOP')
  work()
  child.kill('SIGCONT')
}

test('each change gives one new root; files that have not changed are not read again', async () => {
  using place = new Place(BASE)
  await place.ok(['init', '--profile=test'])
  const site = (...names: string[]): string => place.path('site', ...names)
  mkdirSync(site())
  writeFileSync(site('a'), 'first')
  utimesSync(site('a'), LONG_AGO, LONG_AGO)
  const child = place.start(['add', '-Q', '--watch', 'site'])
  const over = ended(child)
  const next = linesOf(child)
  const root = async (): Promise<string> => await place.ok(['add', '-nrQ', 'site'])
  assert.equal(await next(), await root())

  // A file in a new folder, then one more in there.
  changing(child, () => {
    mkdirSync(site('sub', 'deep'), { recursive: true })
    writeFileSync(site('sub', 'deep', 'b'), 'two')
  })
  assert.equal(await next(), await root())
  changing(child, () => writeFileSync(site('sub', 'deep', 'c'), 'three'))
  assert.equal(await next(), await root())

  // What looks the same is taken to be the same: it is not read.
  changing(child, () => {
    writeFileSync(site('a'), 'other')
    utimesSync(site('a'), LONG_AGO, LONG_AGO)
    writeFileSync(site('d'), 'four')
  })
  const stale = await next()
  assert.notEqual(stale, await root())
  assert.equal(await place.ok(['cat', `${stale}/a`]), 'first')
  assert.equal(await place.ok(['cat', `${stale}/d`]), 'four')
  changing(child, () => {
    writeFileSync(site('new'), 'other')
    renameSync(site('new'), site('a'))
  })
  assert.equal(await next(), await root())

  // A folder that goes, and comes back as another one.
  changing(child, () => rmSync(site('sub'), { recursive: true }))
  assert.equal(await next(), await root())
  changing(child, () => {
    mkdirSync(site('sub'))
    writeFileSync(site('sub', 'e'), 'five')
  })
  const last = await next()
  assert.equal(last, await root())
  assert.match(await place.ok(['pin', 'ls', last]), /recursive/)
  child.kill('SIGINT')
  const { status, stderr } = await over
  assert.equal(status, 130, stderr)
  assert.equal(stderr, 'Error: interrupted\n')
})

test('with a key each root is published, by the daemon beside it', async () => {
  await using daemon = await Daemon.start({ base: BASE })
  const name = await daemon.ok(['key', 'gen', 'site'])
  mkdirSync(daemon.place.path('site'))
  writeFileSync(daemon.place.path('site', 'a'), 'one')
  const child = daemon.start(['add', '--json', '--watch', '--ipns=site', 'site'])
  const over = ended(child)
  const next = linesOf(child)
  for (const text of ['one', 'two']) {
    writeFileSync(daemon.place.path('site', 'a'), text)
    let root = ''
    // The first round may have seen the file before it was written again.
    do {
      root = JSON.parse(await next()).Hash
      assert.equal(JSON.parse(await next()).Ipns, name)
    } while ((await daemon.ok(['cat', `${root}/a`])) !== text)
    assert.equal(await daemon.ok(['name', 'resolve', name]), `/ipfs/${root}`)
  }
  child.kill('SIGTERM')
  assert.equal((await over).status, 143)
})

test('what cannot be watched is refused', async () => {
  using place = new Place(BASE)
  await place.ok(['init', '--profile=test'])
  writeFileSync(place.path('file'), 'one')
  mkdirSync(place.path('folder'))
  for (const args of [
    ['file'],
    [],
    ['--api=/ip4/127.0.0.1/tcp/1', 'folder'],
    ['--to-car=x', 'folder'],
    ['--expect=bafkqaaa', 'folder'],
  ]) {
    const { status, stderr } = await place.run(['add', '--watch', ...args])
    assert.equal(status, 2, stderr)
  }
  assert.equal((await place.run(['add', '--watch', 'missing'])).status, 3)
  assert.equal((await place.run(['add', '--watch', '--ipns=nokey', 'folder'])).status, 3)
  assert.equal((await place.run(['add', '--ipns=self', 'file'])).status, 2)
})
