import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rubbish } from './rubbish.ts'

const MIB = 1024 * 1024

test('rubbish is collected for each 16 MiB, and less often where that takes long', () => {
  let nowMs = 0
  let tookMs = 1
  let count = 0
  const rubbish = new Rubbish(
    () => {
      count += 1
      nowMs += tookMs
    },
    () => nowMs,
  )
  const receive = (mib: number, ms: number): void => {
    for (let at = 0; at < mib; at += 1) {
      nowMs += ms / mib
      rubbish.received(MIB)
    }
  }
  receive(15, 100)
  assert.equal(count, 0)
  receive(17, 100)
  assert.equal(count, 2)
  tookMs = 100
  receive(16, 100)
  assert.equal(count, 3)
  // A second is not over: what comes waits, and is collected together.
  receive(96, 900)
  assert.equal(count, 3)
  receive(2, 200)
  assert.equal(count, 4)
})
