import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Failure } from '../contract/failure.ts'
import { GLOBALS_DEFAULT } from '../contract/globals.ts'
import { backupRepo } from './backup.ts'
import { sampleBlock } from './blocks.suite.ts'
import { type FreshRepo, freshRepo } from './fresh-repo.suite.ts'
import { layoutOf, packFile, packId } from './layout.ts'
import { openRepo } from './open.ts'
import { ReadMemory } from './read-memory.ts'
import { repairRepo } from './repair.ts'
import type { Block, Repo } from './roles.ts'

const REPAIR = { engine: 'packs', lockTimeoutMs: 0, force: false } as const

/** Puts blocks of different sizes, pins the first, and returns them. */
async function fill(repo: Repo, count = 40): Promise<Block[]> {
  const blocks = Array.from({ length: count }, (_, seed) => sampleBlock(seed, seed % 8 === 0 ? 90_000 : 400 + seed))
  for (const { cid, bytes } of blocks) await repo.blocks.put(cid, bytes)
  await repo.blocks.flush()
  const [first] = blocks
  if (first !== undefined) await repo.pins.put([{ cid: first.cid, mode: 'recursive', name: 'first' }])
  return blocks
}

function packsOf({ path }: { path: string }): string[] {
  const { packs } = layoutOf(path)
  return readdirSync(packs).map(name => join(packs, name))
}

function onlyPack(fresh: FreshRepo): string {
  const [pack, ...others] = packsOf(fresh)
  assert.ok(pack !== undefined && others.length === 0)
  return pack
}

async function damages(repo: Repo): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for await (const event of repo.maintenance.verify({})) {
    if (event.kind === 'damaged') found.set(event.cid.toString(), event.reason)
  }
  return found
}

test('a flipped byte is found by get, getMany and verify, and healed by putting the block again', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  const blocks = await fill(repo)
  const pack = onlyPack(fresh)
  const bytes = readFileSync(pack)
  for (const nth of [0, 5, 39]) {
    const block = blocks[nth]
    assert.ok(block !== undefined)
    const at = bytes.indexOf(block.bytes)
    const fd = openSync(pack, 'r+')
    writeSync(fd, Uint8Array.of((bytes[at + 7] ?? 0) ^ 1), 0, 1, at + 7)
    await assert.rejects(repo.blocks.get(block.cid), { kind: 'data-mismatch' })
    for (const memory of [undefined, new ReadMemory(1)]) {
      const read = repo.blocks.getMany([block.cid], { memory })
      await assert.rejects(Array.fromAsync(read), { kind: 'data-mismatch' })
    }
    assert.deepEqual(await damages(repo), new Map([[block.cid.toString(), 'flipped']]))
    await repo.blocks.put(block.cid, block.bytes)
    await repo.blocks.flush()
    assert.deepEqual(Buffer.from(await repo.blocks.get(block.cid)), Buffer.from(block.bytes))
    assert.deepEqual(await damages(repo), new Map())
  }
})

test('cut, emptied and missing packs are told apart, and putting everything again heals', async () => {
  using fresh = await freshRepo()
  const blocks = await (async () => {
    await using repo = await fresh.open()
    return await fill(repo)
  })()
  const pack = onlyPack(fresh)
  const size = statSync(pack).size
  const steps: [() => void, (reasons: string[]) => void][] = [
    [() => truncateSync(pack, size - 3), reasons => assert.deepEqual(reasons, ['cut'])],
    [
      () => truncateSync(pack, Math.floor(size / 2)),
      reasons => assert.ok(reasons.includes('empty') && reasons.every(one => one === 'cut' || one === 'empty')),
    ],
    [() => truncateSync(pack, 0), reasons => assert.deepEqual(reasons, Array(40).fill('empty'))],
    [() => unlinkSync(pack), reasons => assert.deepEqual(reasons, Array(40).fill('missing'))],
  ]
  for (const [harm, judge] of steps) {
    harm()
    await using repo = await fresh.open()
    judge([...(await damages(repo)).values()])
  }
  await using repo = await fresh.open()
  await fill(repo)
  assert.equal((await damages(repo)).size, 0)
  for (const { cid, bytes } of blocks) assert.deepEqual(Buffer.from(await repo.blocks.get(cid)), Buffer.from(bytes))
})

test('flatfs finds flipped and emptied blocks, and heals them', async () => {
  using fresh = await freshRepo('flatfs')
  await using repo = await fresh.open()
  const blocks = await fill(repo)
  const { flatfs } = layoutOf(fresh.path)
  const files = readdirSync(flatfs, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.data'))
  assert.equal(files.length, 40)
  const [one = '', other = ''] = files.map(name => join(flatfs, name))
  writeFileSync(one, 'other bytes')
  truncateSync(other, 0)
  assert.deepEqual([...(await damages(repo)).values()].sort(), ['empty', 'flipped'])
  for (const { cid, bytes } of blocks) await repo.blocks.put(cid, bytes)
  await repo.blocks.flush()
  assert.equal((await damages(repo)).size, 0)
})

test('what a killed run left behind the committed end of a pack is cut off, and packs that no row names are swept', async () => {
  using fresh = await freshRepo()
  {
    await using repo = await fresh.open()
    await fill(repo)
  }
  const pack = onlyPack(fresh)
  const { size } = statSync(pack)
  appendFileSync(pack, 'a section that was never finished')
  const nameless = packFile(layoutOf(fresh.path), packId(0, 0xabcdef))
  writeFileSync(nameless, 'half a pack')
  await using repo = await fresh.open()
  const { cid, bytes } = sampleBlock(1000)
  await repo.blocks.put(cid, bytes)
  await repo.blocks.flush()
  assert.equal(statSync(pack).size, size + 1 + cid.bytes.length + bytes.length + 1)
  const collection = await repo.maintenance.beginCollection({})
  await Array.fromAsync(collection.sweep({ keep: () => true, remark: async () => {} }))
  await collection[Symbol.asyncDispose]()
  assert.deepEqual(packsOf(fresh), [pack])
  assert.equal((await damages(repo)).size, 0)
})

test('a lost or damaged state database is rebuilt from packs and journal', async () => {
  const harms: ((state: string) => void)[] = [
    state => unlinkSync(state),
    state => truncateSync(state, 0),
    state => writeFileSync(state, 'not a database at all, but long enough to look at'.repeat(100)),
    state => {
      const fd = openSync(state, 'r+')
      writeSync(fd, new Uint8Array(30_000).fill(0xa5), 0, 30_000, 4096)
    },
  ]
  for (const harm of harms) {
    using fresh = await freshRepo()
    const layout = layoutOf(fresh.path)
    const blocks = await (async () => {
      await using repo = await fresh.open()
      await repo.values.put('/local/filesroot', Uint8Array.of(1, 2, 3))
      const filled = await fill(repo, 200)
      const [, second, third] = filled
      if (second === undefined || third === undefined) throw new Error('too few blocks')
      await repo.pins.put([{ cid: second.cid, mode: 'direct', name: 'two', labels: { a: 'b' } }])
      await repo.pins.put([{ cid: third.cid, mode: 'direct', name: '' }])
      await repo.pins.delete([third.cid])
      return filled
    })()
    harm(layout.state)
    const events = await Array.fromAsync(repairRepo(layout, REPAIR))
    assert.ok(events.some(event => event.kind === 'pack' && event.blocks === 200 && event.damaged === 0))
    await using repo = await fresh.open()
    for (const { cid, bytes } of blocks) assert.deepEqual(Buffer.from(await repo.blocks.get(cid)), Buffer.from(bytes))
    const pins = await Array.fromAsync(repo.pins.list())
    assert.deepEqual(pins.map(({ name, mode, labels }) => [name, mode, labels]).sort(), [
      ['first', 'recursive', undefined],
      ['two', 'direct', { a: 'b' }],
    ])
    assert.deepEqual(await repo.values.get('/local/filesroot'), Uint8Array.of(1, 2, 3))
    assert.equal((await damages(repo)).size, 0)
  }
})

test('repair leaves a sound database alone, and refuses while another writes', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  await fill(repo)
  await assert.rejects(Array.fromAsync(repairRepo(layoutOf(fresh.path), REPAIR)), { kind: 'locked' })
  await repo[Symbol.asyncDispose]()
  assert.deepEqual(await Array.fromAsync(repairRepo(layoutOf(fresh.path), REPAIR)), [{ kind: 'sound' }])
})

test('repair finds the blocks behind a hole in a pack, and skips damaged lines of the journal', async () => {
  using fresh = await freshRepo()
  const layout = layoutOf(fresh.path)
  const blocks = await (async () => {
    await using repo = await fresh.open()
    return await fill(repo, 100)
  })()
  const pack = onlyPack(fresh)
  const bytes = readFileSync(pack)
  const victim = blocks[50]
  assert.ok(victim !== undefined)
  // The head of a section goes, with it the chain.
  bytes.fill(0xff, bytes.indexOf(victim.bytes) - 38, bytes.indexOf(victim.bytes) + 10)
  writeFileSync(pack, bytes)
  appendFileSync(layout.rootsLog, '00000000 {"pin":"torn')
  unlinkSync(layout.state)
  await Array.fromAsync(repairRepo(layout, REPAIR))
  await using repo = await fresh.open()
  for (const { cid } of blocks) {
    const kind = await repo.blocks.get(cid).then(
      () => 'whole',
      (error: Failure) => error.kind,
    )
    assert.equal(kind, cid.equals(victim.cid) ? 'not-found' : 'whole', String(blocks.findIndex(one => one.cid === cid)))
  }
  assert.equal(await repo.pins.count(), 1)
})

test('a missing database is told with the way out', async () => {
  using fresh = await freshRepo()
  unlinkSync(layoutOf(fresh.path).state)
  await assert.rejects(fresh.open(), (error: Failure) => /repair/.test(error.hint ?? ''))
})

test('a backup is a repo of its own, from which and into which one can go on writing', async () => {
  using fresh = await freshRepo()
  using place = await freshRepo()
  const target = join(place.path, 'copy')
  await using repo = await fresh.open()
  writeFileSync(layoutOf(fresh.path).config, '{}')
  mkdirSync(layoutOf(fresh.path).keystore)
  const blocks = await fill(repo)
  const report = await backupRepo(fresh.path, target, { lockTimeoutMs: 0 })
  assert.equal(report.packs, 1)
  const later = [sampleBlock(2000), sampleBlock(2001)]
  const [here, there] = later
  if (here === undefined || there === undefined) return
  await repo.blocks.put(here.cid, here.bytes)
  await repo.blocks.flush()
  await using copy = await openRepo(target, { globals: GLOBALS_DEFAULT })
  await copy.blocks.put(there.cid, there.bytes)
  await copy.blocks.flush()
  for (const one of [repo, copy]) {
    assert.equal((await damages(one)).size, 0)
    for (const { cid } of blocks) assert.ok(await one.blocks.has(cid))
    assert.equal(await one.pins.count(), 1)
  }
  assert.deepEqual([await repo.blocks.has(there.cid), await copy.blocks.has(here.cid)], [false, false])
  await assert.rejects(backupRepo(fresh.path, target, { lockTimeoutMs: 0 }), { kind: 'failed' })
})

test('repos of another kind or format are refused', async () => {
  using fresh = await freshRepo()
  const { version } = layoutOf(fresh.path)
  for (const [text, pattern] of [
    ['18\n', /Kubo/],
    ['tsipfs 99\n', /newer/],
    ['rubbish', /not the version/],
  ] as const) {
    writeFileSync(version, text)
    await assert.rejects(fresh.open(), (error: Failure) => error.kind === 'failed' && pattern.test(error.message))
  }
  rmSync(version)
  await assert.rejects(fresh.open(), { kind: 'no-repo' })
})

/** Mounts something below a folder for the time of a test; returns undefined where that is not allowed. */
function tryMount(target: string, ...args: string[]): Disposable | undefined {
  mkdirSync(target, { recursive: true })
  try {
    execFileSync('mount', [...args, target], { stdio: 'ignore' })
    return { [Symbol.dispose]: () => execFileSync('umount', [target]) }
  } catch {
    // Needs to be root, with the right to mount.
    return undefined
  }
}

test('on read-only media everything that reads works, after a kill too, and writing is refused', async t => {
  using fresh = await freshRepo()
  const blocks = await (async () => {
    await using repo = await fresh.open()
    return await fill(repo)
  })()
  // A run that still has the database open leaves its log beside it, as one that was killed does.
  for (const logged of [false, true]) {
    await using writer = logged ? await fresh.open() : undefined
    const late = sampleBlock(3000)
    await writer?.blocks.put(late.cid, late.bytes)
    await writer?.blocks.flush()
    using place = await freshRepo()
    const target = join(place.path, 'media')
    using bound = tryMount(target, '--bind', fresh.path)
    if (bound === undefined) return t.skip('cannot mount')
    execFileSync('mount', ['-o', 'remount,ro,bind', target])
    {
      await using repo = await openRepo(target, {
        globals: GLOBALS_DEFAULT,
      })
      assert.equal(repo.readOnly, true)
      for (const { cid } of blocks) await repo.blocks.get(cid)
      assert.equal(await repo.blocks.has(late.cid), logged)
      assert.equal(await repo.pins.count(), 1)
      assert.equal((await damages(repo)).size, 0)
      const { cid, bytes } = sampleBlock(4000)
      await assert.rejects(repo.blocks.put(cid, bytes), { kind: 'failed', message: /read-only/ })
      await assert.rejects(repo.pins.delete(blocks.slice(0, 1).map(block => block.cid)), { kind: 'failed' })
    }
  }
})

for (const writes of ['measured', 'always'] as const) {
  test(`a full disk is named, loses nothing, and all works again when there is room (${writes})`, async t => {
    using place = await freshRepo()
    const target = join(place.path, 'small')
    using small = tryMount(target, '-t', 'tmpfs', '-o', 'size=6m', 'tmpfs')
    if (small === undefined) return t.skip('cannot mount')
    const fresh = await freshRepo('packs', target)
    const kept: Block[] = []
    {
      await using repo = await fresh.open('full', writes)
      kept.push(...(await fill(repo)))
      const filler = join(target, 'filler')
      writeFileSync(filler, new Uint8Array(4_000_000))
      const large = Array.from({ length: 40 }, (_, seed) => sampleBlock(5000 + seed, 200_000))
      const failure = await (async () => {
        for (const { cid, bytes } of large) await repo.blocks.put(cid, bytes)
        await repo.blocks.flush()
      })().catch((error: unknown) => error)
      assert.ok(failure instanceof Failure && /no space left on device/.test(failure.message), String(failure))
      await assert.rejects(repo.blocks.flush(), { kind: 'failed' })
      rmSync(filler)
      execFileSync('mount', ['-o', 'remount,size=40m', target])
      // What had failed was kept, and is written now: a flush that succeeds speaks of all that was put.
      await repo.blocks.flush()
      kept.push(...large)
      for (const { cid } of kept) await repo.blocks.get(cid)
    }
    await using repo = await fresh.open()
    for (const { cid } of kept) await repo.blocks.get(cid)
    assert.equal((await damages(repo)).size, 0)
  })
}

test('the folder of a repo is for its owner alone', async () => {
  using fresh = await freshRepo()
  const modes = ['packs', 'locks'].map(name => statSync(join(fresh.path, name)).mode & 0o777)
  assert.deepEqual(modes, [0o700, 0o700])
  assert.equal(statSync(layoutOf(fresh.path).rootsLog).mode & 0o777, 0o600)
})
