import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CarReader } from '@ipld/car'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { sampleBlock } from './blocks.suite.ts'
import { freshRepo } from './fresh-repo.suite.ts'
import { layoutOf } from './layout.ts'
import {
  readVarint,
  recoverCid,
  sectionHeadLength,
  varintLength,
  writeSectionHead,
  writeVarint,
} from './pack-format.ts'

test('a pack is a CAR that other programs read', async () => {
  using fresh = await freshRepo()
  const blocks = [sampleBlock(1), sampleBlock(2, 100_000), sampleBlock(3, 0), sampleBlock(4, 300, 0x70)]
  {
    await using repo = await fresh.open()
    for (const { cid, bytes } of blocks) await repo.blocks.put(cid, bytes)
    await repo.blocks.flush()
  }
  const { packs } = layoutOf(fresh.path)
  const [name = ''] = readdirSync(packs)
  const reader = await CarReader.fromBytes(readFileSync(join(packs, name)))
  assert.deepEqual(await reader.getRoots(), [])
  for (const { cid, bytes } of blocks)
    assert.deepEqual(Buffer.from((await reader.get(cid))?.bytes ?? []), Buffer.from(bytes))
})

test('varints are written and read up to 2^53', () => {
  for (const value of [0, 1, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32 + 5, 2 ** 49, Number.MAX_SAFE_INTEGER]) {
    const bytes = new Uint8Array(varintLength(value))
    assert.equal(writeVarint(bytes, 0, value), bytes.length)
    assert.deepEqual(readVarint(bytes, 0), { value, next: bytes.length })
    assert.equal(readVarint(bytes.subarray(0, -1), 0), undefined)
  }
  assert.equal(readVarint(new Uint8Array(20).fill(0xff), 0), undefined)
})

test('the CID of a section is found again from its multihash, whatever stands before it', () => {
  const digest = createHash('sha256').update('x').digest()
  const wide = Digest.create(0x13, createHash('sha512').update('x').digest())
  const cids = [
    CID.createV0(Digest.create(0x12, digest)),
    ...[0x55, 0x70, 0x71, 0x0129, 0x200, 0xb19910].map(code => CID.createV1(code, Digest.create(0x12, digest))),
    CID.createV1(0x70, wide),
  ]
  for (const cid of cids) {
    for (const length of [0, 5, 90, 91, 92, 300, 70_000, 3_000_000]) {
      for (const before of [new Uint8Array(), new Uint8Array(40).fill(1), new Uint8Array(40).fill(0xff)]) {
        const head = new Uint8Array(before.length + sectionHeadLength(cid, length))
        head.set(before)
        assert.equal(writeSectionHead(head, before.length, cid, length), head.length)
        assert.ok(recoverCid(head, cid.multihash.bytes, length).equals(cid), `${cid} ${length}`)
      }
    }
  }
  assert.equal(recoverCid(new Uint8Array(50), Digest.create(0x12, digest).bytes, 7).code, 0x55)
})
