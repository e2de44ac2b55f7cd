import assert from 'node:assert/strict'
import { appendFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { cidOf } from './blocks.suite.ts'
import type { FileBlock } from './filestore.ts'
import { freshRepo } from './fresh-repo.suite.ts'

test('blocks that lie in files of the user are read from there, checked', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  const path = join(fresh.path, 'file of mine')
  const text = 'aaaaabbbbbccccc'
  writeFileSync(path, text)
  const blocks: FileBlock[] = [0, 5, 10].map(offset => ({
    ...{ cid: cidOf(Buffer.from(text.slice(offset, offset + 5))), path, offset, size: 5 },
  }))
  await repo.filestore.put(blocks, await repo.epoch())
  for (const { cid, offset } of blocks) {
    assert.equal(Buffer.from(await repo.blocks.get(cid)).toString(), text.slice(offset, offset + 5))
    assert.deepEqual(await repo.blocks.stat(cid), { size: 5, leaf: true })
  }
  assert.deepEqual(
    (await Array.fromAsync(repo.filestore.list({ fileOrder: true }))).map(block => block.offset),
    [0, 5, 10],
  )
  assert.equal((await Array.fromAsync(repo.filestore.list())).length, 3)

  writeFileSync(path, 'aaaaaXbbbbccccc')
  const [, second] = blocks
  if (second === undefined) return
  await assert.rejects(repo.blocks.get(second.cid), { kind: 'data-mismatch', message: /was changed/ })
  const damaged = (await Array.fromAsync(repo.maintenance.verify({}))).filter(event => event.kind === 'damaged')
  assert.deepEqual(
    damaged.map(({ cid, reason }) => [String(cid), reason]),
    [[String(second.cid), 'flipped']],
  )
  writeFileSync(path, 'aaa')
  await assert.rejects(repo.blocks.get(second.cid), { message: /too short/ })
  rmSync(path)
  await assert.rejects(repo.blocks.get(second.cid), { message: /is missing/ })
  // Put as an ordinary block, it is the repo's own from then on.
  await repo.blocks.put(second.cid, Buffer.from('bbbbb'))
  await repo.blocks.flush()
  assert.equal(Buffer.from(await repo.blocks.get(second.cid)).toString(), 'bbbbb')
})

test('a block that the repo holds itself stays there, and one that lies in a file is removed with its row', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  const path = join(fresh.path, 'f')
  writeFileSync(path, 'hello')
  const cid = cidOf(Buffer.from('hello'))
  await repo.blocks.put(cid, Buffer.from('hello'))
  await repo.blocks.flush()
  await repo.filestore.put([{ cid, path, offset: 0, size: 5 }], await repo.epoch())
  rmSync(path)
  assert.equal((await repo.blocks.get(cid)).length, 5)
  assert.equal(await repo.blocks.delete(cid), true)
  appendFileSync(path, 'hello')
  await repo.filestore.put([{ cid, path, offset: 0, size: 5 }], await repo.epoch())
  assert.equal((await repo.filestore.get(cid))?.path, path)
  assert.equal(await repo.blocks.delete(cid), true)
  assert.equal(await repo.filestore.get(cid), undefined)
  assert.equal(await repo.blocks.has(cid), false)
})
