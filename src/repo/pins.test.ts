import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { CID } from 'multiformats/cid'
import { sampleBlock } from './blocks.suite.ts'
import { freshRepo } from './fresh-repo.suite.ts'
import { layoutOf } from './layout.ts'
import type { Pin } from './roles.ts'
import { recordOf } from './roots-log.ts'

const pinOf = (seed: number, more: Partial<Pin> = {}): Pin => ({
  cid: sampleBlock(seed).cid,
  mode: 'recursive',
  name: '',
  ...more,
})

test('a pin is stored with its name, labels and the very CID, and replaced by the next one of that CID', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  const { multihash } = sampleBlock(1).cid
  const cid = CID.createV0(multihash as Parameters<typeof CID.createV0>[0])
  await repo.pins.put([pinOf(1, { cid, name: 'one', labels: { a: '1' } })])
  const stored = await repo.pins.get(cid)
  assert.deepEqual(
    { ...stored, cid: String(stored?.cid) },
    { ...{ cid: String(cid), mode: 'recursive', name: 'one', expires: undefined, labels: { a: '1' } } },
  )
  await repo.pins.put([pinOf(1, { cid, name: 'two' })])
  const pin = await repo.pins.get(cid)
  assert.deepEqual([pin?.name, pin?.labels, pin?.cid.version], ['two', undefined, 0])
  assert.equal(await repo.pins.count(), 1)
})

test('the CIDs of one block are pinned each for itself', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  const { multihash } = sampleBlock(1).cid
  const forms = [0x55, 0x70, 0x71].map(code => CID.createV1(code, multihash))
  await repo.pins.put(forms.map((cid, nth) => pinOf(1, { cid, name: `${nth}` })))
  const names = async (): Promise<string[]> => (await repo.pins.ofBlock(sampleBlock(1).cid)).map(pin => pin.name).sort()
  assert.deepEqual(await names(), ['0', '1', '2'])
  assert.deepEqual(await repo.pins.ofBlock(sampleBlock(2).cid), [])
  const [raw, pb] = forms
  assert.ok(raw !== undefined && pb !== undefined)
  assert.deepEqual(await repo.pins.delete([raw]), [])
  assert.deepEqual(await repo.pins.delete([raw]), [raw])
  assert.equal((await repo.pins.get(pb))?.name, '1')
  assert.deepEqual(await names(), ['1', '2'])
})

test('a pin of an old repo, whose row has the multihash for its key, is found, listed, replaced and removed', async () => {
  using fresh = await freshRepo()
  const pins = [1, 2, 3].map(seed => pinOf(seed, { name: `${seed}` }))
  const [kept, replaced, removed] = pins
  assert.ok(kept !== undefined && replaced !== undefined && removed !== undefined)
  {
    await using repo = await fresh.open()
    await repo.pins.put(pins)
  }
  using state = new DatabaseSync(layoutOf(fresh.path).state)
  const age = state.prepare('UPDATE pins SET hash = ? WHERE hash = ?')
  for (const { cid } of pins) assert.equal(age.run(cid.multihash.bytes, cid.bytes).changes, 1)

  await using repo = await fresh.open()
  const names = async (): Promise<string[]> =>
    (await Array.fromAsync(repo.pins.list())).map(pin => `${pin.cid.code} ${pin.name}`).sort()
  assert.deepEqual(await names(), ['85 1', '85 2', '85 3'])
  assert.equal((await repo.pins.get(kept.cid))?.name, '1')
  assert.deepEqual(
    (await repo.pins.ofBlock(kept.cid)).map(pin => pin.name),
    ['1'],
  )
  // Another CID of the block is another pin.
  assert.equal(await repo.pins.get(CID.createV1(0x71, kept.cid.multihash)), undefined)
  await repo.pins.put([{ ...replaced, name: 'new' }])
  assert.deepEqual(await repo.pins.delete([removed.cid]), [])
  assert.deepEqual(await names(), ['85 1', '85 new'])
  assert.equal(await repo.pins.count(), 2)
})

test('pins are listed by mode, part of a name, and for as long as they count', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  const many = Array.from({ length: 2500 }, (_, seed) => pinOf(seed, { mode: seed % 2 ? 'direct' : 'recursive' }))
  await repo.pins.put(many)
  await repo.pins.put([pinOf(9001, { name: 'my site' }), pinOf(9002, { name: 'old', expires: Date.now() - 1 })])
  const count = async (options?: Parameters<typeof repo.pins.list>[0]) =>
    (await Array.fromAsync(repo.pins.list(options))).length
  assert.equal(await count(), 2501)
  assert.equal(await count({ expired: true }), 2502)
  assert.equal(await count({ mode: 'direct' }), 1250)
  assert.equal(await count({ mode: 'recursive' }), 1251)
  assert.equal(await count({ name: 'site' }), 1)
})

test('a pin that has expired is found when it is asked for, until it is deleted; one that was extended stays', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  const [old, later] = [pinOf(1, { expires: Date.now() - 1 }), pinOf(2, { expires: Date.now() + 60_000 })]
  await repo.pins.put([old, later, pinOf(3)])
  assert.equal(await repo.pins.get(old.cid), undefined)
  assert.equal((await repo.pins.get(old.cid, { expired: true }))?.expires, old.expires)
  assert.equal(await repo.pins.deleteExpired(), 1)
  assert.equal(await repo.pins.deleteExpired(), 0)
  assert.equal(await repo.pins.get(old.cid, { expired: true }), undefined)
  assert.equal((await repo.pins.get(later.cid))?.expires, later.expires)
  const lines = readFileSync(layoutOf(fresh.path).rootsLog, 'utf8').trimEnd().split('\n')
  assert.deepEqual(recordOf(lines.at(-1) ?? ''), { unpin: old.cid.toString() })
})

test('removing tells what was not there, and replacing is one step', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  await repo.pins.put([pinOf(1), pinOf(1, { mode: 'direct' }), pinOf(2)])
  assert.deepEqual(await repo.pins.delete([sampleBlock(1).cid, sampleBlock(3).cid]), [sampleBlock(3).cid])
  assert.equal(await repo.pins.count(), 1)
  await repo.pins.replace([sampleBlock(2).cid], [pinOf(4)])
  assert.deepEqual(
    (await Array.fromAsync(repo.pins.list())).map(pin => pin.cid.toString()),
    [sampleBlock(4).cid.toString()],
  )
})

test('each change of pins and roots is a whole line of the journal, whoever makes it', async () => {
  using fresh = await freshRepo()
  await using one = await fresh.open()
  await using other = await fresh.open()
  await Promise.all(
    Array.from({ length: 50 }, async (_, seed) => {
      await (seed % 2 ? one : other).pins.put([pinOf(seed)])
      await (seed % 2 ? other : one).values.put(`/local/${seed}`, Uint8Array.of(seed))
    }),
  )
  await one.values.put('/local/provide/queue/1', Uint8Array.of(1))
  const lines = readFileSync(layoutOf(fresh.path).rootsLog, 'utf8').trimEnd().split('\n')
  assert.equal(lines.length, 100)
  for (const line of lines) assert.notEqual(recordOf(line), undefined, line)
})

test('a journal that has grown is written anew by a collection, and others go on with the new one', async () => {
  using fresh = await freshRepo()
  await using one = await fresh.open()
  await using other = await fresh.open('none')
  await other.values.put('/local/filesroot', Uint8Array.of(0))
  const value = new Uint8Array(60_000)
  for (let round = 0; round < 20; round++) await one.values.put('/local/filesroot', value.fill(round))
  await one.values.put('/local/filesroot', Uint8Array.of(7))
  const collection = await one.maintenance.beginCollection({})
  await Array.fromAsync(collection.sweep({ keep: () => true, remark: async () => {} }))
  await collection[Symbol.asyncDispose]()
  await other.pins.put([pinOf(1)])
  const lines = readFileSync(layoutOf(fresh.path).rootsLog, 'utf8').trimEnd().split('\n')
  assert.deepEqual(lines.map(recordOf), [
    { set: '/local/filesroot', value: 'Bw==' },
    { pin: sampleBlock(1).cid.toString(), mode: 'recursive' },
  ])
})
