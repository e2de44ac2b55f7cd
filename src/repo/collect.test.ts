import assert from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { CID } from 'multiformats/cid'
import { sampleBlock } from './blocks.suite.ts'
import { keyOf } from './blocks.ts'
import { type FreshRepo, freshRepo } from './fresh-repo.suite.ts'
import { layoutOf } from './layout.ts'
import type { Block, Repo } from './roles.ts'
import type { Engine } from './state.ts'

const ENGINES: readonly Engine[] = ['packs', 'flatfs']

async function putAll(repo: Repo, blocks: readonly Block[]): Promise<void> {
  for (const { cid, bytes } of blocks) await repo.blocks.put(cid, bytes)
  await repo.blocks.flush()
}

async function collect(
  repo: Repo,
  kept: readonly CID[],
  options: { dryRun?: boolean; bytesMax?: number; before?: () => Promise<void>; remark?: () => Promise<void> } = {},
): Promise<Set<string>> {
  const keys = new Set(kept.map(cid => keyOf(cid.multihash.bytes)))
  await using collection = await repo.maintenance.beginCollection({})
  await options.before?.()
  const removed = collection.sweep({
    ...options,
    keep: hash => keys.has(keyOf(hash)),
    async remark(added) {
      for (const { cid } of added) keys.add(keyOf(cid.multihash.bytes))
      await options.remark?.()
    },
  })
  return new Set((await Array.fromAsync(removed)).map(({ multihash }) => keyOf(multihash)))
}

const samples = (from: number, count: number, size = 500): Block[] =>
  Array.from({ length: count }, (_, nth) => sampleBlock(from + nth, size))
const cids = (blocks: readonly Block[]): CID[] => blocks.map(block => block.cid)

function packBytes({ path }: FreshRepo): number {
  const { packs } = layoutOf(path)
  return readdirSync(packs).reduce((sum, name) => sum + statSync(join(packs, name)).size, 0)
}

for (const engine of ENGINES) {
  test(`${engine}: a collection removes what is not kept, as much as it was asked to`, async () => {
    using fresh = await freshRepo(engine)
    const [kept, rubbish] = [samples(0, 30), samples(100, 30)]
    {
      await using repo = await fresh.open()
      await putAll(repo, [...kept, ...rubbish])
    }
    await using repo = await fresh.open()
    assert.equal((await collect(repo, cids(kept), { dryRun: true })).size, 30)
    assert.equal((await Array.fromAsync(repo.blocks.list())).length, 60)
    assert.equal((await collect(repo, cids(kept), { bytesMax: 1200 })).size, 3)
    assert.equal((await collect(repo, cids(kept))).size, 27)
    for (const { cid, bytes } of kept) assert.deepEqual(Buffer.from(await repo.blocks.get(cid)), Buffer.from(bytes))
    for (const { cid } of rubbish) assert.equal(await repo.blocks.has(cid), false)
  })

  test(`${engine}: only one collection runs at a time`, async () => {
    using fresh = await freshRepo(engine)
    await using one = await fresh.open()
    await using other = await fresh.open()
    await using _collection = await one.maintenance.beginCollection({})
    await assert.rejects(other.maintenance.beginCollection({}), { kind: 'locked' })
  })
}

test('what a live run has put, met or protected stays, until the run has ended', async () => {
  using fresh = await freshRepo()
  const [put, met, guarded, rubbish] = [samples(0, 10), samples(100, 10), samples(200, 10), samples(300, 10)]
  {
    await using earlier = await fresh.open()
    await putAll(earlier, [...met, ...guarded, ...rubbish])
  }
  await using collector = await fresh.open()
  // Ages are counted in collections: what was put since the last one counts as put by every run that began since.
  assert.equal((await collect(collector, cids([...met, ...guarded, ...rubbish]))).size, 0)
  {
    await using live = await fresh.open()
    await putAll(live, [...put, ...met])
    assert.deepEqual(await live.blocks.protect([...cids(guarded), sampleBlock(999).cid]), [sampleBlock(999).cid])
    assert.equal((await collect(collector, [])).size, 10)
    for (const { cid } of [...put, ...met, ...guarded]) await live.blocks.get(cid)
    // A process that lives on says when it has finished with what it touched.
    await live.renew()
    await putAll(live, put)
    assert.equal((await collect(collector, [])).size, 20)
  }
  assert.equal((await collect(collector, [])).size, 10)
})

test('what is put or met after a collection has begun stays, even when it was marked as rubbish', async () => {
  using fresh = await freshRepo()
  const blocks = samples(0, 20)
  {
    await using earlier = await fresh.open()
    await putAll(earlier, blocks)
  }
  await using collector = await fresh.open()
  await using late = await fresh.open()
  const removed = await collect(collector, [], { before: () => putAll(late, blocks.slice(0, 5)) })
  assert.equal(removed.size, 15)
  for (const { cid } of blocks.slice(0, 5)) await late.blocks.get(cid)
})

test('a pin that is put while marking goes on is marked before anything is deleted', async () => {
  using fresh = await freshRepo()
  const blocks = samples(0, 10)
  {
    await using earlier = await fresh.open()
    await putAll(earlier, blocks)
  }
  await using collector = await fresh.open()
  await using other = await fresh.open()
  const [first] = blocks
  if (first === undefined) return
  let remarks = 0
  const removed = await collect(collector, [], {
    before: () => other.pins.put([{ cid: first.cid, mode: 'direct', name: '' }]),
    async remark() {
      // Roots that change again meanwhile are looked at again.
      if (++remarks < 3) await other.values.put('/local/filesroot', Uint8Array.of(remarks))
    },
  })
  assert.equal(removed.size, 9)
  assert.equal(remarks, 3)
  await other.blocks.get(first.cid)
})

test('packs that are mostly dead are written anew, dead ones go, and readers elsewhere find what was moved', async () => {
  using fresh = await freshRepo()
  const blocks = [...samples(0, 200, 2000), ...samples(1000, 4, 300_000)]
  const kept = blocks.filter((_, nth) => nth % 5 === 0)
  {
    await using earlier = await fresh.open()
    await putAll(earlier, blocks)
  }
  await using reader = await fresh.open()
  const [first] = kept
  if (first === undefined) return
  await reader.blocks.get(first.cid)
  {
    await using collector = await fresh.open()
    const before = packBytes(fresh)
    await collect(collector, cids(kept))
    assert.ok(packBytes(fresh) < before / 2, `${packBytes(fresh)} of ${before}`)
    for await (const { cid, bytes } of reader.blocks.getMany(cids(kept))) {
      assert.deepEqual(Buffer.from(bytes), Buffer.from(blocks.find(block => block.cid.equals(cid))?.bytes ?? []))
    }
    for await (const event of collector.maintenance.verify({})) assert.equal(event.kind, 'progress')
  }
  // Another run: one never removes the pack that it appends to.
  await using last = await fresh.open()
  await collect(last, [])
  assert.deepEqual(readdirSync(layoutOf(fresh.path).packs), [])
})

test('a pack that a live run appends to is left alone', async () => {
  using fresh = await freshRepo()
  await using live = await fresh.open()
  await putAll(live, samples(0, 20))
  await live.renew()
  await using collector = await fresh.open()
  assert.equal((await collect(collector, [])).size, 0)
  // The next run finds them older than itself: all are rubbish, but the pack is not free.
  await live.renew()
  assert.equal((await collect(collector, [])).size, 20)
  const late = samples(500, 5)
  await putAll(live, late)
  for (const { cid } of late) await collector.blocks.get(cid)
  for await (const event of collector.maintenance.verify({})) assert.equal(event.kind, 'progress')
})

test('many small packs are merged', async () => {
  using fresh = await freshRepo()
  const blocks = samples(0, 50)
  const repos = []
  for (const block of blocks) {
    const repo = await fresh.open('none')
    await putAll(repo, [block])
    repos.push(repo)
  }
  for (const repo of repos) await repo[Symbol.asyncDispose]()
  assert.equal(readdirSync(layoutOf(fresh.path).packs).length, 50)
  await using collector = await fresh.open()
  await collect(collector, cids(blocks))
  assert.equal(readdirSync(layoutOf(fresh.path).packs).length, 1)
  for (const { cid } of blocks) await collector.blocks.get(cid)
})
