import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { CID } from 'multiformats/cid'
import { hashBlock, keyOf, PREFIX_V0, prefixOf, readCid, readPrefix } from './cid.ts'

const V1 = CID.parse('bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e')
const V0 = CID.parse('QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn')
const BLAKE = CID.parse('bafk2bzacea73ycjnxe2qov7cvnhx52lzfp6nf5jcblnfus6gqreh6ygganbws')

test('a prefix says what a CID says but for the digest', () => {
  assert.deepEqual(readPrefix(prefixOf(V1)), { version: 1, codec: 0x55, hash: 0x12, length: 32 })
  assert.deepEqual(readPrefix(prefixOf(V0)), PREFIX_V0)
  assert.deepEqual(readPrefix(prefixOf(BLAKE)), { version: 1, codec: 0x55, hash: 0xb220, length: 32 })
  const broken = [[], [1], [1, 0x55, 0x12], [1, 0x55, 0x12, 32, 1], [2, 0x55, 0x12, 32], [1, 0x55, 0x12, 0xa0]]
  for (const bytes of broken) assert.equal(readPrefix(Uint8Array.from(bytes)), undefined, String(bytes))
})

test('CIDs of peers are taken or ignored, and never keep the message alive', () => {
  const message = new Uint8Array(70_000)
  message.set(V1.bytes, 100)
  const cid = readCid(message.subarray(100, 100 + V1.bytes.length))
  assert.equal(cid?.toString(), V1.toString())
  assert.ok((cid?.bytes.buffer.byteLength ?? 0) < 1_000)
  for (const bytes of [new Uint8Array(0), new Uint8Array(169), V1.bytes.subarray(0, 20), Uint8Array.of(9, 9, 9)]) {
    assert.equal(readCid(bytes), undefined)
  }
})

test('a block is known by its hash, whatever else its names say', async () => {
  assert.equal(keyOf(V1), keyOf(CID.createV1(0x70, V1.multihash)))
  assert.notEqual(keyOf(V1), keyOf(V0))
  const data = Buffer.from('some bytes')
  const digest = await hashBlock(PREFIX_V0, data)
  assert.deepEqual([...digest.digest], [...createHash('sha256').update(data).digest()])
  await assert.rejects(hashBlock({ version: 1, codec: 0x55, hash: 0x11_22_33, length: 32 }, data))
})
