import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { CID } from 'multiformats/cid'
import { GLOBALS_DEFAULT } from '../../src/contract/globals.ts'
import { decodeDagPb } from '../../src/node/dag-pb.ts'
import { collectGarbage } from '../../src/node/gc.ts'
import { createStore } from '../../src/repo/create.ts'
import { layoutOf, VERSION_TEXT } from '../../src/repo/layout.ts'
import { openRepo, type StoredRepo } from '../../src/repo/open.ts'
import { writeWhole } from '../../src/repo/replace-file.ts'

const CHILD = join(import.meta.dirname, 'repo-child.ts')

/** Makes an empty repo that goes away with the test. */
async function freshRepo(): Promise<{ path: string } & Disposable> {
  const path = mkdtempSync(join(tmpdir(), 'tsipfs-processes-'))
  await createStore(layoutOf(path), 'packs')
  await writeWhole(layoutOf(path).version, VERSION_TEXT)
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) }
}

interface Child {
  readonly process: ChildProcess
  /** What it has printed so far. */
  readonly lines: string[]
  /** Resolves with its status, or the signal that ended it. */
  readonly ended: Promise<number | string>
  /** Resolves when it has printed so many lines, or has ended. */
  printed(count: number): Promise<void>
}

/** Starts a run; those with odd seeds write around the page cache, where the file system lets them. */
function start(mode: string, path: string, seed = 0, count = 0): Child {
  const writes = seed % 2 === 1 ? 'always' : 'measured'
  const child = spawn(process.execPath, [CHILD, mode, path, String(seed), String(count), writes], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  const reader = createInterface({ input: child.stdout })
  const over = once(child, 'close')
  reader.on('line', line => lines.push(line))
  return {
    process: child,
    lines,
    ended: over.then(([status, signal]) => status ?? signal),
    async printed(wanted) {
      while (lines.length < wanted && child.exitCode === null && child.signalCode === null) {
        await Promise.race([once(reader, 'line'), over])
      }
    },
  }
}

/** Checks that every root, and all below it, is there, pinned and sound, and that nothing else is wrong. */
async function assertWhole(repo: StoredRepo, roots: readonly string[]): Promise<void> {
  for (const text of roots) {
    const cid = CID.parse(text)
    assert.equal((await repo.pins.get(cid))?.mode, 'recursive', `${text} is not pinned`)
    for (const link of decodeDagPb(await repo.blocks.get(cid)).links) await repo.blocks.get(link.cid)
  }
  for await (const event of repo.maintenance.verify({})) assert.equal(event.kind, 'progress', JSON.stringify(event))
}

test('24 runs that add the same blocks at once, while collections go on, lose nothing', async () => {
  using place = await freshRepo()
  const collector = start('gc', place.path)
  await collector.printed(1)
  const adders = Array.from({ length: 24 }, (_, seed) => start('add', place.path, seed % 20, 120))
  for (const adder of adders) assert.equal(await adder.ended, 0)
  collector.process.stdin?.end()
  assert.equal(await collector.ended, 0)
  await using repo = await openRepo(place.path, { globals: GLOBALS_DEFAULT })
  await assertWhole(
    repo,
    adders.flatMap(adder => adder.lines),
  )
  assert.equal(await repo.pins.count(), 20)
  const packs = readdirSync(layoutOf(place.path).packs)
  assert.ok(packs.length <= 26, `${packs.length} packs`)
})

test('a run that waits keeps the blocks that it has put, and those that it found there', async () => {
  using place = await freshRepo()
  await using repo = await openRepo(place.path, { globals: GLOBALS_DEFAULT })
  // Unpinned, and from a run that has ended: rubbish, until the next run meets it.
  const earlier = start('add', place.path, 7, 60)
  assert.equal(await earlier.ended, 0)
  await repo.pins.delete([CID.parse(earlier.lines[0] ?? '')])
  const waiting = start('pause', place.path, 7, 60)
  await waiting.printed(1)
  assert.equal((await Array.fromAsync(collectGarbage(repo))).length, 0)
  waiting.process.stdin?.write('go on\n')
  assert.equal(await waiting.ended, 0)
  await assertWhole(repo, waiting.lines.slice(1))
  await repo.pins.delete([CID.parse(waiting.lines[1] ?? '')])
  assert.equal((await Array.fromAsync(collectGarbage(repo))).length, 61)
  assert.deepEqual(readdirSync(layoutOf(place.path).packs), [])
})

test('what was reported survives kill -9 at any moment, and the next runs go on with the same packs', async () => {
  using place = await freshRepo()
  const roots: string[] = []
  for (let round = 0; round < 20; round++) {
    const children = [0, 1, 2].map(nth => start('loop', place.path, round * 3 + nth, 30))
    await Promise.all(children.map(child => child.printed(1 + (round % 4))))
    for (const child of children) child.process.kill('SIGKILL')
    for (const child of children) assert.equal(await child.ended, 'SIGKILL')
    roots.push(...children.flatMap(child => child.lines))
  }
  await using repo = await openRepo(place.path, { globals: GLOBALS_DEFAULT })
  await assertWhole(repo, roots)
  assert.ok(readdirSync(layoutOf(place.path).packs).length <= 8)
})

test('a collection that is killed leaves a whole repo', async () => {
  using place = await freshRepo()
  const roots: string[] = []
  for (let round = 0; round < 6; round++) {
    const adders = [0, 1].map(nth => start('add', place.path, round * 2 + nth, 400))
    for (const adder of adders) assert.equal(await adder.ended, 0)
    await using repo = await openRepo(place.path, { globals: GLOBALS_DEFAULT })
    const [kept, given] = adders.map(adder => adder.lines[0] ?? '')
    if (kept !== undefined) roots.push(kept)
    await repo.pins.delete([CID.parse(given ?? '')])
    const collector = start('gc', place.path)
    await collector.printed(1)
    await new Promise(resolve => setTimeout(resolve, Math.random() * 30))
    collector.process.kill('SIGKILL')
    await collector.ended
  }
  await using repo = await openRepo(place.path, { globals: GLOBALS_DEFAULT })
  await Array.fromAsync(collectGarbage(repo))
  await assertWhole(repo, roots)
})
