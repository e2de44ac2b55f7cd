import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dataOf } from './name-fetch.ts'

test('an answer holds data, or says that there is none', () => {
  assert.deepEqual(dataOf(Uint8Array.of(0x12, 2, 7, 8)), Uint8Array.of(7, 8))
  assert.deepEqual(dataOf(Uint8Array.of(0x08, 0, 0x12, 1, 7)), Uint8Array.of(7))
  assert.equal(dataOf(Uint8Array.of(0x08, 1)), undefined)
  assert.equal(dataOf(Uint8Array.of()), undefined)
  assert.equal(dataOf(Uint8Array.of(0x1a, 1, 7)), undefined)
  assert.throws(() => dataOf(Uint8Array.of(0x12, 0xff, 0xff, 0xff, 0xff, 1)), /too long/)
})
