import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeAnswer, encodeQuery } from './dns-over-https.ts'

const NAME = [8, ...Buffer.from('_dnslink'), 7, ...Buffer.from('example'), 0]

/** An answer with TXT records, each of several strings; names in answers point to the question. */
function answer(records: readonly (readonly string[])[], code = 0): Uint8Array {
  const parts = [0, 7, 0x81, 0x80 | code, 0, 1, 0, records.length, 0, 0, 0, 0, ...NAME, 0, 16, 0, 1]
  for (const [nth, strings] of records.entries()) {
    const data = strings.flatMap(text => [text.length, ...Buffer.from(text)])
    parts.push(0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60 + nth, 0, data.length, ...data)
  }
  return Uint8Array.from(parts)
}

test('asks for TXT records', () => {
  const query = encodeQuery('_dnslink.example.')
  assert.deepEqual([...query.subarray(2)], [1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...NAME, 0, 16, 0, 1])
})

test('joins the strings of a record, and keeps an answer as long as its shortest record', () => {
  assert.deepEqual(decodeAnswer(answer([['dnslink=/ip', 'fs/x'], ['other']])), {
    records: ['dnslink=/ipfs/x', 'other'],
    ttlMs: 60_000,
  })
  assert.deepEqual(decodeAnswer(answer([], 3)), { records: [], ttlMs: 0 })
  assert.throws(() => decodeAnswer(answer([], 2)), /reported error 2/)
})

test('an answer that is cut short is an error, never a guess', () => {
  const whole = answer([['dnslink=/ipfs/x']])
  for (let length = 0; length < whole.length; length += 1) {
    assert.throws(() => decodeAnswer(whole.slice(0, length)), `cut to ${length}`)
  }
})
