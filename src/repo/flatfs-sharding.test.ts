import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { FsBlockstore } from 'blockstore-fs'
import { sampleBlock } from './blocks.suite.ts'
import { FlatfsSharding } from './flatfs-sharding.ts'
import { freshRepo } from './fresh-repo.suite.ts'

test('blockstore-fs reads with our sharding what a flatfs repo holds, and the other way round', async () => {
  using fresh = await freshRepo('flatfs')
  const [ours, theirs] = [sampleBlock(1), sampleBlock(2)]
  {
    await using repo = await fresh.open()
    await repo.blocks.put(ours.cid, ours.bytes)
    await repo.blocks.flush()
  }
  const store = new FsBlockstore(join(fresh.path, 'blocks'), { shardingStrategy: new FlatfsSharding() })
  await store.open()
  assert.deepEqual(Buffer.concat(await Array.fromAsync(store.get(ours.cid))), Buffer.from(ours.bytes))
  await store.put(theirs.cid, theirs.bytes)
  await store.close()
  await using repo = await fresh.open()
  assert.deepEqual(Buffer.from(await repo.blocks.get(theirs.cid)), Buffer.from(theirs.bytes))
})

test('names are those of Kubo, and nothing else is a block', () => {
  const sharding = new FlatfsSharding()
  const { cid } = sampleBlock(1)
  const { dir, file } = sharding.encode(cid)
  assert.equal(dir, file.replace('.data', '').slice(-3, -1))
  assert.deepEqual(sharding.decode(`${dir}/${file}`).multihash.bytes, cid.multihash.bytes)
  for (const name of ['SHARDING', '_README', 'x.data', '.data']) assert.throws(() => sharding.decode(name), name)
})
