import assert from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { PackBlocks } from './blocks.ts'
import { freshRepo } from './fresh-repo.suite.ts'
import { PACK_HEADER } from './pack-format.ts'
import { createHash } from './platform-hash.ts'
import type { Block } from './roles.ts'

const BLOCK_BYTES = 262_144

/** Returns raw blocks that differ, of one size. */
function blocksOf(count: number, from = 0): Block[] {
  return Array.from({ length: count }, (_, nth) => {
    const bytes = new Uint8Array(BLOCK_BYTES)
    new DataView(bytes.buffer).setUint32(0, from + nth)
    return { cid: CID.createV1(0x55, Digest.create(0x12, createHash('sha256').update(bytes).digest())), bytes }
  })
}

function packBytes(path: string): number {
  const folder = join(path, 'packs')
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
}

test('memory is given back once it is written, and what it held is read all the same', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  await using other = await fresh.open()
  const blocks = blocksOf(64)
  let released = 0
  for (const { cid, bytes } of blocks) {
    const release = (): void => {
      released++
      bytes.fill(0xff)
    }
    await repo.blocks.put(cid, bytes.slice(), { release })
  }
  assert.ok(released > 0, 'nothing was given back before the flush')
  const [first] = blocks
  assert.ok(first !== undefined)
  // Not committed yet: another process does not see it.
  assert.equal(await other.blocks.has(first.cid), false)
  const expected = blocksOf(64)
  for (const { cid, bytes } of expected) assert.ok(Buffer.from(await repo.blocks.get(cid)).equals(bytes))
  assert.equal((await repo.blocks.stat(first.cid))?.size, BLOCK_BYTES)
  await repo.blocks.flush()
  assert.equal(released, 64)
  for (const { cid, bytes } of expected) assert.ok(Buffer.from(await other.blocks.get(cid)).equals(bytes))
})

test('a commit that fails is made up for by the next flush, with bytes that were given back', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  const blocks = blocksOf(40)
  for (const { cid, bytes } of blocks) await repo.blocks.put(cid, bytes, { release: () => undefined })
  const fails = (): never => {
    throw new Error('no')
  }
  assert.ok(repo.blocks instanceof PackBlocks)
  await assert.rejects(repo.blocks.flushWith(fails), { message: 'no' })
  await repo.blocks.flush()
  await using other = await fresh.open()
  for (const { cid, bytes } of blocks) assert.ok(Buffer.from(await other.blocks.get(cid)).equals(bytes))
})

test('what is not committed when the repo is closed takes no room', async () => {
  using fresh = await freshRepo()
  {
    await using repo = await fresh.open()
    for (const { cid, bytes } of blocksOf(1)) await repo.blocks.put(cid, bytes)
    await repo.blocks.flush()
    for (const { cid, bytes } of blocksOf(40, 1)) await repo.blocks.put(cid, bytes)
    assert.ok(packBytes(fresh.path) > 4 * BLOCK_BYTES)
  }
  const left = packBytes(fresh.path) - PACK_HEADER.length - BLOCK_BYTES
  assert.ok(left > 0 && left < 100, `${left} bytes around the one block that is committed`)
  await using other = await fresh.open()
  for (const { cid, bytes } of blocksOf(1)) assert.ok(Buffer.from(await other.blocks.get(cid)).equals(bytes))
})
