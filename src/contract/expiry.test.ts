import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseExpiry, parseLabels } from './expiry.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')

test('reads spans of time and points in time', () => {
  for (const [text, want] of [
    ['30d', '2026-01-31T00:00:00.000Z'],
    ['2w', '2026-01-15T00:00:00.000Z'],
    ['1h30m', '2026-01-01T01:30:00.000Z'],
    ['2030-01-31', '2030-01-31T00:00:00.000Z'],
    ['2030-01-31T12:00:00+02:00', '2030-01-31T10:00:00.000Z'],
  ] as const) {
    assert.equal(new Date(parseExpiry(text, NOW) ?? 0).toISOString(), want, text)
  }
  assert.equal(parseExpiry('never', NOW), undefined)
  for (const text of ['', 'soon', '30', '2030-13-01', '2030-01-31T12:00:00', '-1d', '1d2']) {
    assert.throws(() => parseExpiry(text, NOW), /invalid time/, text)
  }
  for (const text of ['0d', '-1h', '2025-12-31']) assert.throws(() => parseExpiry(text, NOW), /not in the future/, text)
})

test('reads labels', () => {
  assert.deepEqual(parseLabels(['a=1', 'b=', 'c=x=y']), { a: '1', b: '', c: 'x=y' })
  for (const word of ['a', '=1', '']) assert.throws(() => parseLabels([word]), /invalid label/)
  assert.throws(() => parseLabels([`a=${'x'.repeat(5000)}`]), /max 4096/)
})
