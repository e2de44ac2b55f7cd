import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatDuration, parseDuration } from './duration.ts'

test('parses and prints Go durations', () => {
  for (const [text, ms] of [
    ['300ms', 300],
    ['1.5s', 1500],
    ['1h30m', 5_400_000],
    ['0', 0],
    ['2m3s', 123_000],
    ['-1s', -1000],
    ['24h', 86_400_000],
    ['10us', 0.01],
  ] as const) {
    assert.equal(parseDuration(text), ms, text)
  }
  for (const [ms, text] of [
    [300, '300ms'],
    [1500, '1.5s'],
    [5_400_000, '1h30m0s'],
    [0, '0s'],
    [123_000, '2m3s'],
    [0.01, '10µs'],
  ] as const) {
    assert.equal(formatDuration(ms), text)
  }
  for (const text of ['', 'soon', '1', '5x', '1s2', 's']) assert.throws(() => parseDuration(text), /invalid duration/)
})
