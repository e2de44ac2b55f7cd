import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recordsOf } from './tls.ts'

const RECORD = 16 * 1024

test('chunks become whole records, in order, without a byte more or less', () => {
  const cases = [
    [],
    [0],
    [1],
    [12, 70, 262_144],
    [RECORD],
    [RECORD - 1, 1],
    [RECORD - 1, 2, 5],
    [9, 40_000, 3, RECORD, 1],
  ]
  for (const lengths of cases) {
    let next = 0
    const chunks = lengths.map(length => Uint8Array.from({ length }, () => next++ & 0xff))
    const records = [...recordsOf(chunks)]
    assert.deepEqual(Buffer.concat(records), Buffer.concat(chunks))
    for (const record of records.slice(0, -1)) assert.equal(record.length % RECORD, 0)
    assert.ok(records.every(record => record.length > 0))
  }
})

test('what fills records is not copied', () => {
  const block = new Uint8Array(4 * RECORD)
  const [head, rest, tail] = recordsOf([new Uint8Array(100), block])
  assert.notEqual(head?.buffer, block.buffer)
  assert.equal(rest?.buffer, block.buffer)
  assert.equal(tail?.buffer, block.buffer)
})
