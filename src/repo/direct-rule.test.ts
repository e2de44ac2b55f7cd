import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DirectRule } from './direct-rule.ts'

const MIB = 1024 * 1024

/** Returns a rule that has counted so many batches of 4 MiB, and what it said to the last. */
function counted(batches: number): { rule: DirectRule; taken: boolean } {
  const rule = new DirectRule()
  let taken = false
  for (let nth = 0; nth < batches; nth++) taken = rule.takes(4 * MIB)
  return { rule, taken }
}

test('the first 16 MiB of something large go through the cache, what follows is timed and goes around it', () => {
  assert.equal(counted(4).taken, false)
  const { rule, taken } = counted(5)
  assert.equal(taken, true)
  assert.equal(rule.asksTime, true)
  rule.wrote(4 * MIB, 4)
  assert.equal(rule.asksTime, false)
  assert.equal(rule.takes(4 * MIB), true)
})

test('what comes in small batches goes through the cache, however much it is', () => {
  const rule = new DirectRule()
  for (let nth = 0; nth < 1000; nth++) assert.equal(rule.takes(300_000), false)
})

test('a small batch ends what is large', () => {
  const { rule } = counted(6)
  rule.wrote(4 * MIB, 4)
  assert.equal(rule.takes(100), false)
  assert.equal(rule.takes(4 * MIB), false)
})

test('one fast write is enough, and small ones do not count', () => {
  const { rule } = counted(5)
  for (let nth = 0; nth < 10; nth++) rule.wrote(4096, 10)
  rule.wrote(4 * MIB, 100)
  rule.wrote(4 * MIB, 100)
  assert.equal(rule.asksTime, true)
  rule.wrote(4 * MIB, 6)
  assert.equal(rule.asksTime, false)
  assert.equal(rule.takes(4 * MIB), true)
})

test('a disk that was slow three times is tried again when twice as much is written', () => {
  const { rule } = counted(5)
  for (let nth = 0; nth < 3; nth++) rule.wrote(4 * MIB, 9)
  assert.equal(rule.asksTime, false)
  // 20 MiB were counted.
  for (let nth = 0; nth < 5; nth++) assert.equal(rule.takes(4 * MIB), false)
  assert.equal(rule.takes(4 * MIB), true)
  assert.equal(rule.asksTime, true)
})
