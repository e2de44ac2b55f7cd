import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import { CidSet } from './cid-set.ts'
import { exactBytes, visitBytes } from './dag-walk.ts'

const RAW = 0x55
const DAG_PB = 0x70
const cidOf = (nth: number): CID => CID.createV1(RAW, create(0x12, createHash('sha256').update(`${nth}`).digest()))
const identity = (length: number, last: number): CID =>
  CID.createV1(RAW, create(0, new Uint8Array(length).fill(last, length - 1)))

test('a set of CIDs knows what was added, and nothing else', () => {
  const set = new CidSet(exactBytes)
  for (let nth = 0; nth < 20_000; nth++) assert.equal(set.add(cidOf(nth)), true)
  for (let nth = 0; nth < 20_000; nth++) {
    assert.equal(set.has(cidOf(nth)), true)
    assert.equal(set.add(cidOf(nth)), false)
  }
  for (let nth = 20_000; nth < 40_000; nth++) assert.equal(set.has(cidOf(nth)), false)
  assert.equal(set.size, 20_000)
})

test('CIDs of any length are told apart', () => {
  const set = new CidSet(exactBytes)
  const cids = [0, 1, 2, 128, 250, 251, 252, 300, 5000].flatMap(length =>
    length === 0 ? [identity(0, 0)] : [identity(length, 0), identity(length, 1)],
  )
  for (const cid of cids) {
    assert.equal(set.has(cid), false)
    assert.equal(set.add(cid), true)
    assert.equal(set.add(cid), false)
    assert.equal(set.has(cid), true)
  }
  assert.equal(set.size, cids.length)
})

test('both versions of one CID are one visit, and two CIDs', () => {
  const v1 = CID.createV1(DAG_PB, cidOf(1).multihash)
  const [visited, exact] = [new CidSet(visitBytes), new CidSet(exactBytes)]
  for (const set of [visited, exact]) set.add(v1)
  assert.equal(visited.has(v1.toV0()), true)
  assert.equal(exact.has(v1.toV0()), false)
  assert.equal(visited.has(cidOf(1)), false)
})
