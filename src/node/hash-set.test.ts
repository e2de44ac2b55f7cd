import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { HashSet } from './hash-set.ts'

const hashOf = (nth: number) => createHash('sha256').update(`${nth}`).digest()

test('a set of hashes knows what was added, and nothing else', () => {
  const set = new HashSet()
  for (let nth = 0; nth < 20_000; nth++) assert.equal(set.add(hashOf(nth)), true)
  for (let nth = 0; nth < 20_000; nth++) {
    assert.equal(set.has(hashOf(nth)), true)
    assert.equal(set.add(hashOf(nth)), false)
  }
  for (let nth = 20_000; nth < 40_000; nth++) assert.equal(set.has(hashOf(nth)), false)
  assert.equal(set.size, 20_000)
})

test('short hashes and those that end in zeros are told apart', () => {
  const set = new HashSet()
  const hashes = [new Uint8Array(34), Uint8Array.of(0, 1, 7), Uint8Array.of(0, 2, 0, 7), new Uint8Array(34).fill(255)]
  for (const [nth, hash] of hashes.entries()) {
    assert.equal(set.has(hash), false, String(nth))
    set.add(hash)
    assert.equal(set.has(hash), true)
  }
})
