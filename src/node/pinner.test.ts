import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleBlock } from '../repo/blocks.suite.ts'
import { freshRepo } from '../repo/fresh-repo.suite.ts'
import type { Repo } from '../repo/roles.ts'
import { addPin, extendPin, listPins, updatePin } from './pinner.ts'

const HOUR_MS = 3_600_000

async function withBlocks(repo: Repo, count: number) {
  const blocks = Array.from({ length: count }, (_, seed) => sampleBlock(seed))
  for (const { cid, bytes } of blocks) await repo.blocks.put(cid, bytes)
  return { node: { repo, blocks: repo.blocks }, cids: blocks.map(({ cid }) => cid) }
}

test('pinning again never makes a pin shorter, and keeps labels that are not named', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  const { node, cids } = await withBlocks(repo, 2)
  const [one, other] = cids
  assert.ok(one !== undefined && other !== undefined)
  const now = Date.now()
  await addPin(node, one, { expires: now + HOUR_MS, labels: { a: '1', b: '2' } })
  await addPin(node, one, { expires: now + HOUR_MS / 2, labels: { b: '', c: '3' } })
  const pin = await repo.pins.get(one)
  assert.deepEqual([pin?.expires, pin?.labels], [now + HOUR_MS, { a: '1', c: '3' }])
  await addPin(node, one, { expires: now + 2 * HOUR_MS })
  assert.equal((await repo.pins.get(one))?.expires, now + 2 * HOUR_MS)
  await addPin(node, one)
  assert.equal((await repo.pins.get(one))?.expires, undefined)
  await addPin(node, one, { expires: now + HOUR_MS })
  assert.equal((await repo.pins.get(one))?.expires, undefined, 'a pin for ever stays one')
})

test('a pin is extended, shortened only when asked to, also after it has expired', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  const { node, cids } = await withBlocks(repo, 2)
  const [one, other] = cids
  assert.ok(one !== undefined && other !== undefined)
  const now = Date.now()
  await repo.pins.put([{ cid: one, mode: 'recursive', name: 'n', expires: now - 1, labels: { a: '1' } }])
  await extendPin(node, one, { expires: now + HOUR_MS, shorten: false })
  assert.equal((await repo.pins.get(one))?.expires, now + HOUR_MS)
  assert.equal((await extendPin(node, one, { expires: now + 1000, shorten: false })).expires, now + HOUR_MS)
  assert.equal((await extendPin(node, one, { expires: now + 1000, shorten: true })).expires, now + 1000)
  assert.equal((await extendPin(node, one, { expires: undefined, shorten: false })).expires, undefined)
  assert.deepEqual((await repo.pins.get(one))?.labels, { a: '1' })
  await assert.rejects(extendPin(node, other, { expires: undefined, shorten: false }), /is not pinned/)
  await updatePin(node, one, other, { unpin: true })
  assert.deepEqual((await repo.pins.get(other))?.labels, { a: '1' }, 'labels go along with the pin')
})

test('pins are listed by label, and those that have expired alone', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  const { node, cids } = await withBlocks(repo, 3)
  for (const [nth, cid] of cids.entries()) {
    const expires = nth === 2 ? Date.now() - 1 : undefined
    await repo.pins.put([{ cid, mode: 'recursive', name: '', expires, labels: { n: String(nth), ['__proto__']: 'x' } }])
  }
  const list = async (options: Parameters<typeof listPins>[2]) =>
    (await Array.fromAsync(listPins(node, 'all', options))).map(({ labels }) => labels?.n).sort()
  assert.deepEqual(await list({}), ['0', '1'])
  assert.deepEqual(await list({ expired: true }), ['2'])
  assert.deepEqual(await list({ labels: new Map([['n', '1']]) }), ['1'])
  assert.deepEqual(await list({ labels: new Map([['n', undefined]]) }), ['0', '1'])
  assert.deepEqual(await list({ labels: new Map([['toString', undefined]]) }), [])
})
