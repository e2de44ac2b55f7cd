import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cidOf } from '../../repo/blocks.suite.ts'
import { memoryBlocks } from '../../repo/memory.ts'
import type { Blocks } from '../../repo/roles.ts'
import { encodeDagPb } from '../dag-pb.ts'
import { type FileNode, fileNodeOf } from '../file-node.ts'
import { encodeUnixfs } from '../unixfs.ts'
import { compareFiles, matchStream } from './files.ts'

const RAW = 0x55
const DAG_PB = 0x70

/** Stores a file cut into pieces of `size`, a node holding so many links at most. */
async function fileOf(blocks: Blocks, bytes: Uint8Array, size: number, isRaw: boolean, width = 3): Promise<FileNode> {
  let level: { cid: ReturnType<typeof cidOf>; size: number }[] = []
  for (let at = 0; at < bytes.length || at === 0; at += size) {
    const piece = bytes.slice(at, at + size)
    const leaf = isRaw
      ? piece
      : encodeDagPb({ links: [], data: encodeUnixfs({ type: 'file', data: piece, fileSize: piece.length }) })
    const cid = cidOf(leaf, isRaw ? RAW : DAG_PB)
    await blocks.put(cid, leaf)
    level.push({ cid, size: piece.length })
  }
  while (level.length > 1) {
    const above: typeof level = []
    for (let at = 0; at < level.length; at += width) {
      const group = level.slice(at, at + width)
      const total = group.reduce((sum, one) => sum + one.size, 0)
      const data = encodeUnixfs({ type: 'file', fileSize: total, blockSizes: group.map(one => one.size) })
      const node = encodeDagPb({ links: group.map(one => ({ name: '', cid: one.cid, size: one.size })), data })
      const cid = cidOf(node, DAG_PB)
      await blocks.put(cid, node)
      above.push({ cid, size: total })
    }
    level = above
  }
  const root = level[0]
  assert.ok(root !== undefined)
  return fileNodeOf(root.cid, await blocks.get(root.cid))
}

function bytesOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 8) * 13) & 255)
}

async function* piecesOf(bytes: Uint8Array, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

test('files are the same when their bytes are, however they were cut', async () => {
  const blocks = memoryBlocks()
  for (const length of [0, 1, 10, 1000]) {
    const bytes = bytesOf(length)
    const ways = [await fileOf(blocks, bytes, 10, true), await fileOf(blocks, bytes, 7, false)]
    ways.push(await fileOf(blocks, bytes, 2000, true), await fileOf(blocks, bytes, 10, true, 5))
    for (const one of ways) {
      for (const other of ways) assert.equal(await compareFiles(blocks, one, other), undefined)
      for (const size of [1, 9, 4096]) {
        const match = await matchStream(blocks, blocks, one, piecesOf(bytes, size))
        assert.equal(match.difference, undefined)
      }
    }
  }
})

test('the first byte that differs is found, and a file that is longer or shorter', async () => {
  const blocks = memoryBlocks()
  const bytes = bytesOf(1000)
  const root = await fileOf(blocks, bytes, 10, true)
  for (const at of [0, 9, 10, 555, 999]) {
    const changed = bytes.slice()
    changed[at] = (changed[at] ?? 0) ^ 1
    for (const size of [10, 7, 2000]) {
      const other = await fileOf(blocks, changed, size, size !== 7)
      assert.deepEqual(await compareFiles(blocks, root, other), { offset: at, isExact: true })
    }
    const match = await matchStream(blocks, blocks, root, piecesOf(changed, 64))
    assert.deepEqual(match.difference, { offset: at, isExact: true })
    const blind = await matchStream(blocks, memoryBlocks(), root, piecesOf(changed, 64))
    assert.deepEqual(blind.difference, { offset: at - (at % 10), isExact: false })
  }
  for (const length of [0, 5, 990, 999, 1001, 1010]) {
    const other = bytesOf(length)
    const want = { offset: Math.min(length, 1000), isExact: true }
    assert.deepEqual(await compareFiles(blocks, root, await fileOf(blocks, other, 10, true)), want)
    assert.deepEqual((await matchStream(blocks, blocks, root, piecesOf(other, 64))).difference, want, `${length}`)
  }
})

test('leaves that both files have at the same place are not read', async () => {
  const blocks = memoryBlocks()
  const bytes = bytesOf(3000)
  const changed = bytes.slice()
  changed[2995] = 0
  const [one, other] = [await fileOf(blocks, bytes, 10, true), await fileOf(blocks, changed, 10, true)]
  let leaves = 0
  const counting: Pick<Blocks, 'get'> = {
    get: async cid => {
      if (cid.code === RAW) leaves += 1
      return await blocks.get(cid)
    },
  }
  assert.equal((await compareFiles(counting, one, other))?.offset, 2995)
  assert.equal(leaves, 2)
})
