import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GLOBALS_DEFAULT } from '../contract/globals.ts'
import { type BlocksUnderTest, blocksSuite } from './blocks.suite.ts'
import { createStore } from './create.ts'
import { layoutOf, VERSION_TEXT } from './layout.ts'
import { memoryBlocks } from './memory.ts'
import { openRepo } from './open.ts'
import { writeWhole } from './replace-file.ts'
import type { Engine } from './state.ts'

/** Returns the blocks of a fresh repo that goes away with the test. */
async function blocksOnDisk(engine: Engine): Promise<BlocksUnderTest> {
  const path = await mkdtemp(join(tmpdir(), 'tsipfs-blocks-'))
  await createStore(layoutOf(path), engine)
  await writeWhole(layoutOf(path).version, VERSION_TEXT)
  let repo = await openRepo(path, { globals: GLOBALS_DEFAULT })
  return {
    blocks: repo.blocks,
    async reopen() {
      await repo[Symbol.asyncDispose]()
      repo = await openRepo(path, { globals: GLOBALS_DEFAULT })
      return repo.blocks
    },
    async [Symbol.asyncDispose]() {
      await repo[Symbol.asyncDispose]()
      await rm(path, { recursive: true })
    },
  }
}

blocksSuite('memory', async () => ({ blocks: memoryBlocks(), async [Symbol.asyncDispose]() {} }))
blocksSuite('packs', () => blocksOnDisk('packs'))
blocksSuite('flatfs', () => blocksOnDisk('flatfs'))
