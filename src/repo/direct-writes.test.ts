import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createCipheriv, createHash } from 'node:crypto'
import { closeSync, ftruncateSync, mkdirSync, openSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { Failure } from '../contract/failure.ts'
import { Checker } from './check.ts'
import type { DirectMode } from './direct-writes.ts'
import { type FreshRepo, freshRepo } from './fresh-repo.suite.ts'
import { layoutOf } from './layout.ts'
import type { StoredRepo } from './open.ts'
import { scanPack } from './pack-scan.ts'
import type { Block } from './roles.ts'

/** Returns a raw block whose bytes follow from a number. */
function block(nth: number, size: number): Block {
  const key = new Uint8Array(16)
  new DataView(key.buffer).setUint32(0, nth)
  const bytes = new Uint8Array(createCipheriv('aes-128-ctr', key, new Uint8Array(16)).update(new Uint8Array(size)))
  return { cid: CID.createV1(0x55, Digest.create(0x12, createHash('sha256').update(bytes).digest())), bytes }
}

/** Puts a block in memory that is overwritten when it is given back. */
async function putLent(repo: StoredRepo, { cid, bytes }: Block): Promise<void> {
  const lent = bytes.slice()
  await repo.blocks.put(cid, lent, { release: () => lent.fill(0xee) })
}

/** Returns blocks of many sizes, around pages and the batches that are written together. */
function manyBlocks(first: number): Block[] {
  const sizes = [0, 1, 60, 4040, 4056, 4096, 5000, 100_000, 262_158, 1_048_576, 2_097_152, 4_300_000, 5_000_000, 37]
  return sizes.map((size, nth) => block(first + nth, size))
}

async function putAll(fresh: FreshRepo, blocks: readonly Block[], writes: DirectMode): Promise<void> {
  await using repo = await fresh.open('full', writes)
  for (const [nth, block] of blocks.entries()) {
    await putLent(repo, block)
    if (nth % 5 === 4) await repo.blocks.flush()
  }
  await repo.blocks.flush()
}

async function assertThere(fresh: FreshRepo, blocks: readonly Block[]): Promise<void> {
  await using repo = await fresh.open()
  for (const { cid, bytes } of blocks)
    assert.ok(Buffer.from(await repo.blocks.get(cid)).equals(bytes), `${bytes.length}`)
}

/** Returns how many blocks the packs hold, of which every byte belongs to one of them. */
async function countInPacks(fresh: FreshRepo): Promise<number> {
  const { packs } = layoutOf(fresh.path)
  let count = 0
  for (const name of readdirSync(packs)) {
    const sections = scanPack(join(packs, name), new Checker())
    let next = await sections.next()
    for (; next.done !== true; next = await sections.next()) {
      assert.ok(next.value.sound)
      count++
    }
    assert.equal(statSync(join(packs, name)).size, next.value, 'nothing lies behind the last block')
  }
  return count
}

test('blocks of any size are written around the cache, by run after run, and between those that go through it', async () => {
  using fresh = await freshRepo()
  const blocks: Block[] = []
  for (const [run, writes] of (['always', 'always', 'never', 'always'] as const).entries()) {
    const some = manyBlocks(run * 100)
    await putAll(fresh, some, writes)
    // The empty block is the same each time.
    blocks.push(...(run === 0 ? some : some.slice(1)))
    await assertThere(fresh, blocks)
    assert.equal(await countInPacks(fresh), blocks.length)
  }
})

test('what is written around the cache can be read before it is committed, and by others after', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open('full', 'always')
  await using other = await fresh.open()
  const blocks = Array.from({ length: 40 }, (_, nth) => block(nth, 300_000 + nth))
  for (const [nth, block] of blocks.entries()) {
    await putLent(repo, block)
    // One of each batch may be on its way to the disk, another is there.
    for (const { cid, bytes } of blocks.slice(Math.max(0, nth - 20), nth + 1)) {
      assert.ok(Buffer.from(await repo.blocks.get(cid)).equals(bytes))
    }
  }
  await repo.blocks.flush()
  for (const { cid, bytes } of blocks) assert.ok(Buffer.from(await other.blocks.get(cid)).equals(bytes))
  // The page that the last one ends in was read, and is written once more.
  const late = block(1000, 777)
  await repo.blocks.put(late.cid, late.bytes)
  await repo.blocks.flush()
  for (const { cid, bytes } of [...blocks, late]) {
    assert.ok(Buffer.from(await other.blocks.get(cid)).equals(bytes))
  }
})

test('packs that become full are cut to their blocks', async () => {
  using fresh = await freshRepo()
  const blocks = Array.from({ length: 150 }, (_, nth) => block(nth, 1_000_000))
  await putAll(fresh, blocks, 'always')
  assert.equal(readdirSync(layoutOf(fresh.path).packs).length, 3)
  assert.equal(await countInPacks(fresh), blocks.length)
  await assertThere(fresh, blocks)
})

test('a collection moves blocks around the cache', async () => {
  using fresh = await freshRepo()
  const blocks = Array.from({ length: 60 }, (_, nth) => block(nth, 400_000))
  await putAll(fresh, blocks, 'always')
  const kept = blocks.filter((_, nth) => nth % 3 === 0)
  {
    await using repo = await fresh.open('full', 'always')
    const hashes = new Set(kept.map(({ cid }) => Buffer.from(cid.multihash.bytes).toString('hex')))
    await using collection = await repo.maintenance.beginCollection({})
    const removed = await Array.fromAsync(
      collection.sweep({
        keep: hash => hashes.has(Buffer.from(hash).toString('hex')),
        remark: async () => undefined,
      }),
    )
    assert.equal(removed.length, 40)
  }
  assert.equal(await countInPacks(fresh), kept.length)
  await assertThere(fresh, kept)
})

/** Mounts a small disk for the time of a test; returns undefined where that is not allowed. */
function smallDisk(parent: string): ({ readonly path: string } & Disposable) | undefined {
  const [image, path] = [join(parent, 'image'), join(parent, 'disk')]
  mkdirSync(path)
  try {
    const file = openSync(image, 'w')
    ftruncateSync(file, 24 * 1024 * 1024)
    closeSync(file)
    execFileSync('mkfs.ext4', ['-q', '-F', image], { stdio: 'ignore' })
    execFileSync('mount', ['-o', 'loop', image, path], { stdio: 'ignore' })
    return { path, [Symbol.dispose]: () => execFileSync('umount', [path]) }
  } catch {
    // Needs to be root, with the right to mount.
    return undefined
  }
}

test('a full disk loses nothing that was to be written around the cache', async t => {
  using place = await freshRepo()
  using disk = smallDisk(place.path)
  if (disk === undefined) return t.skip('cannot mount')
  const fresh = await freshRepo('packs', disk.path)
  const kept = Array.from({ length: 10 }, (_, nth) => block(nth, 200_000 + nth * 1000))
  const filler = join(disk.path, 'filler')
  writeFileSync(filler, new Uint8Array(9_000_000))
  const late = Array.from({ length: 60 }, (_, nth) => block(100 + nth, 250_000 + nth))
  {
    await using repo = await fresh.open('full', 'always')
    for (const { cid, bytes } of kept) await repo.blocks.put(cid, bytes)
    await repo.blocks.flush()
    const failure = await (async () => {
      for (const block of late) await putLent(repo, block)
      await repo.blocks.flush()
    })().catch((error: unknown) => error)
    assert.ok(failure instanceof Failure && /no space left on device/.test(failure.message), String(failure))
    for (const { cid } of kept) await repo.blocks.get(cid)
    rmSync(filler)
    await repo.blocks.flush()
    for (const { cid } of [...kept, ...late]) await repo.blocks.get(cid)
  }
  await assertThere(fresh, [...kept, ...late])
  assert.equal(await countInPacks(fresh), kept.length + late.length)
})
