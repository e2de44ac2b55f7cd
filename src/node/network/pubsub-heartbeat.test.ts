import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Heartbeat, type Pace } from './pubsub-heartbeat.ts'

/** Lets what is awaited between two ticks of a mocked timer go on. */
async function ticks(tick: (ms: number) => void, count: number, ms = 1_000): Promise<void> {
  for (let at = 0; at < count; at++) {
    tick(ms)
    await Promise.resolve()
    await Promise.resolve()
    await Promise.resolve()
  }
}

test('heartbeats follow what happens, and end when there is nothing to do', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const tick = (ms: number): void => t.mock.timers.tick(ms)
  let beats = 0
  let pace: Pace = 'none'
  const heart = new Heartbeat(
    async () => {
      beats += 1
    },
    () => pace,
  )
  await ticks(tick, 3)
  assert.equal(beats, 0)
  heart.wake()
  heart.wake()
  await ticks(tick, 20)
  assert.equal(beats, 7)
  heart.wake()
  pace = 'fast'
  await ticks(tick, 20)
  assert.equal(beats, 27)
  pace = 'slow'
  await ticks(tick, 1)
  assert.equal(beats, 28)
  await ticks(tick, 60)
  assert.equal(beats, 29)
  // It does not wait for the slow one.
  heart.wake()
  await ticks(tick, 1)
  assert.equal(beats, 30)
  heart.stop()
  heart.wake()
  await ticks(tick, 100)
  assert.equal(beats, 30)
})

test('a heartbeat that fails is not the last', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let beats = 0
  const heart = new Heartbeat(
    async () => {
      beats += 1
      if (beats === 1) throw new Error('once')
    },
    () => 'none',
  )
  heart.wake()
  await ticks(ms => t.mock.timers.tick(ms), 3)
  heart.stop()
  assert.equal(beats, 3)
})
