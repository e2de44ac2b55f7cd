import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CID } from 'multiformats/cid'
import type { Failure } from '../contract/failure.ts'
import { cidOf, sampleBlock } from '../repo/blocks.suite.ts'
import { freshRepo } from '../repo/fresh-repo.suite.ts'
import { type Block, MFS_ROOT_KEY, type Repo } from '../repo/roles.ts'
import { encodeDagPb } from './dag-pb.ts'
import { collectGarbage } from './gc.ts'

const DAG_PB = 0x70

function parentOf(...children: readonly Block[]): Block {
  const links = children.map(({ cid, bytes }, nth) => ({ name: `${nth}`, cid, size: bytes.length }))
  const bytes = encodeDagPb({ links })
  return { cid: cidOf(bytes, DAG_PB), bytes }
}

async function put(repo: Repo, ...blocks: readonly Block[]): Promise<void> {
  for (const { cid, bytes } of blocks) await repo.blocks.put(cid, bytes)
  await repo.blocks.flush()
}

async function collected(repo: Repo): Promise<string[]> {
  const removed = (await Array.fromAsync(collectGarbage(repo))).map(({ cid }) => CID.parse(cid).multihash.bytes)
  return removed.map(hash => Buffer.from(hash).toString('hex')).sort()
}

const names = (...blocks: readonly Block[]): string[] =>
  blocks.map(({ cid }) => Buffer.from(cid.multihash.bytes).toString('hex')).sort()

test('recursive pins keep all below them, direct pins just themselves, MFS what is here', async () => {
  using fresh = await freshRepo()
  const leaves = Array.from({ length: 8 }, (_, seed) => sampleBlock(seed))
  const [a, b, c, d, e, absent, alone] = leaves as [Block, Block, Block, Block, Block, Block, Block]
  const inner = parentOf(a, b)
  const pinned = parentOf(inner, b)
  const direct = parentOf(c)
  const mfs = parentOf(d, absent)
  {
    await using repo = await fresh.open()
    await put(repo, a, b, c, d, e, alone, inner, pinned, direct, mfs)
    await repo.pins.put([
      { cid: pinned.cid, mode: 'recursive', name: '' },
      { cid: direct.cid, mode: 'direct', name: '' },
      { cid: e.cid, mode: 'recursive', name: 'expired', expires: 1 },
    ])
    await repo.values.put(MFS_ROOT_KEY, mfs.cid.bytes)
  }
  await using repo = await fresh.open()
  assert.deepEqual(await collected(repo), names(c, e, alone))
  assert.deepEqual(await collected(repo), [])
})

test('a DAG with 2^60 paths is walked once', async () => {
  using fresh = await freshRepo()
  const levels = [sampleBlock(1)]
  for (let level = 0; level < 60; level++) {
    const below = levels.at(-1)
    if (below !== undefined) levels.push(parentOf(below, below))
  }
  {
    await using repo = await fresh.open()
    await put(repo, ...levels, sampleBlock(2))
    const root = levels.at(-1)
    if (root !== undefined) await repo.pins.put([{ cid: root.cid, mode: 'recursive', name: '' }])
  }
  await using repo = await fresh.open()
  assert.deepEqual(await collected(repo), names(sampleBlock(2)))
})

test('nothing is removed when a pinned object has a hole', async () => {
  using fresh = await freshRepo()
  const child = parentOf(sampleBlock(1))
  const root = parentOf(child)
  {
    await using repo = await fresh.open()
    await put(repo, root, sampleBlock(1), sampleBlock(2))
    await repo.pins.put([{ cid: root.cid, mode: 'recursive', name: '' }])
  }
  await using repo = await fresh.open()
  await assert.rejects(collected(repo), { kind: 'not-found', message: /nothing was removed/ })
  assert.equal((await Array.fromAsync(repo.blocks.list())).length, 3)
})

test('nothing is removed when a pinned object is malformed, and the pin is named', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  const bytes = Buffer.from('no dag-pb')
  const broken = { cid: cidOf(bytes, DAG_PB), bytes }
  const pinned = parentOf(broken)
  const alone = sampleBlock(3)
  await put(repo, broken, pinned, alone)
  await repo.pins.put([{ cid: pinned.cid, mode: 'recursive', name: '' }])
  await assert.rejects(collected(repo), (error: Failure) => {
    assert.match(
      error.message,
      new RegExp(`^block ${broken.cid}, below the pin ${pinned.cid}, cannot be read: malformed`),
    )
    assert.equal(error.hint, `give the pin up with: tsipfs pin rm ${pinned.cid}`)
    return error.kind === 'failed'
  })
  assert.ok(await repo.blocks.has(alone.cid))

  await repo.pins.delete([pinned.cid])
  await repo.values.put(MFS_ROOT_KEY, pinned.cid.bytes)
  await assert.rejects(collected(repo), { kind: 'failed', message: /MFS.*nothing was removed$/ })
  assert.ok(await repo.blocks.has(alone.cid))
})

test('a pin of the same bytes under another codec takes nothing from the first', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  const leaf = sampleBlock(1)
  const pinned = parentOf(leaf)
  await put(repo, leaf, pinned)
  await repo.pins.put([{ cid: pinned.cid, mode: 'recursive', name: '' }])
  await repo.pins.put([{ cid: CID.createV1(0x55, pinned.cid.multihash), mode: 'recursive', name: '' }])
  assert.deepEqual(await collected(repo), [])
})

test('bytes that are a leaf under one codec and a parent under another keep what they link to', async () => {
  using fresh = await freshRepo()
  const leaf = sampleBlock(1)
  const parent = parentOf(leaf)
  const asRaw = CID.createV1(0x55, parent.cid.multihash)
  {
    await using repo = await fresh.open()
    await repo.blocks.put(asRaw, parent.bytes)
    await put(repo, leaf)
    await repo.pins.put([{ cid: asRaw, mode: 'recursive', name: '' }])
    await repo.values.put(MFS_ROOT_KEY, parent.cid.bytes)
  }
  await using repo = await fresh.open()
  assert.deepEqual(await collected(repo), [])
})
