import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sizeText } from './size-text.ts'

test('sizes are written as the reference implementation writes them', () => {
  for (const [bytes, text] of [
    [0, '0 B'],
    [9, '9 B'],
    [10, '10 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [1949, '1.9 kB'],
    [300_466, '300 kB'],
    [301_500, '302 kB'],
    [302_500, '302 kB'],
    [1_000_000_000, '1.0 GB'],
  ] as const) {
    assert.equal(sizeText(bytes), text)
  }
})
