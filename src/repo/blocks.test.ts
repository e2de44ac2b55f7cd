import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BlocksUnderTest, blocksSuite } from './blocks.suite.ts'
import { keyOf } from './blocks.ts'
import { freshRepo } from './fresh-repo.suite.ts'
import { memoryBlocks } from './memory.ts'
import type { Engine } from './state.ts'

/** Returns the blocks of a fresh repo that goes away with the test. */
async function blocksOnDisk(engine: Engine): Promise<BlocksUnderTest> {
  const fresh = await freshRepo(engine)
  let repo = await fresh.open()
  return {
    blocks: repo.blocks,
    async reopen() {
      await repo[Symbol.asyncDispose]()
      repo = await fresh.open()
      return repo.blocks
    },
    async [Symbol.asyncDispose]() {
      await repo[Symbol.asyncDispose]()
      fresh[Symbol.dispose]()
    },
  }
}

blocksSuite('memory', async () => ({ blocks: memoryBlocks(), async [Symbol.asyncDispose]() {} }))
blocksSuite('packs', () => blocksOnDisk('packs'))
blocksSuite('flatfs', () => blocksOnDisk('flatfs'))

test('bytes of any length have a key', () => {
  for (const length of [0, 34, 256, 257, 2_000_000]) {
    const bytes = Uint8Array.from({ length }, (_, nth) => nth)
    assert.equal(keyOf(bytes), Buffer.from(bytes).toString('latin1'))
  }
})
