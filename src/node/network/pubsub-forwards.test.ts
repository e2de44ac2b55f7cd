import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FORWARD_BYTES_MAX, FORWARD_MESSAGES_MAX, PubsubForwards } from './pubsub-forwards.ts'
import { PubsubPace } from './pubsub-pace.ts'

const idOf = (number: number): Uint8Array => Uint8Array.of(1, number >> 8, number & 255)
const frameOf = (number: number): Uint8Array => Uint8Array.of(number >> 8, number & 255)

test('each message waits until the one before was taken, and all go out in their order', async () => {
  const sent: number[] = []
  const done = Promise.withResolvers<void>()
  const pace = new PubsubPace((peer, id) => {
    assert.deepEqual(id, idOf(sent.length - 1), 'the last one is asked back')
    pace.cameBack(peer, id)
  })
  const forwards = new PubsubForwards(pace, (_peer, frame) => {
    sent.push((frame[0] ?? 0) * 256 + (frame[1] ?? 0))
    if (sent.length === 1_000) done.resolve()
    return true
  })
  for (let nth = 0; nth < 1_000; nth += 1) forwards.add('peer', frameOf(nth), idOf(nth))
  assert.deepEqual(sent, [0])
  await done.promise
  assert.deepEqual(
    sent,
    Array.from({ length: 1_000 }, (_, nth) => nth),
  )
  assert.equal(forwards.dropped, 0)
})

test('what waits for one peer is bounded, by number and by bytes, and does not hold up another', () => {
  const sent: string[] = []
  const pace = new PubsubPace(() => undefined)
  const forwards = new PubsubForwards(pace, peer => {
    sent.push(peer)
    return true
  })
  for (let nth = 0; nth < FORWARD_MESSAGES_MAX + 11; nth += 1) forwards.add('slow', frameOf(nth), idOf(nth))
  // One is on its way, the line is full, and ten are too many.
  assert.equal(forwards.dropped, 10)
  const large = new Uint8Array(FORWARD_BYTES_MAX / 4)
  for (let nth = 0; nth < 7; nth += 1) forwards.add('large', large, idOf(nth))
  assert.equal(forwards.dropped, 12)
  forwards.add('other', frameOf(1), idOf(1))
  assert.deepEqual(sent, ['slow', 'large', 'other'])
  for (const peer of ['slow', 'large', 'other']) {
    forwards.forget(peer)
    pace.forget(peer)
  }
})

test('a peer that comes back gets nothing of what waited before', async () => {
  const sent: Uint8Array[] = []
  const pace = new PubsubPace(() => undefined)
  const forwards = new PubsubForwards(pace, (_peer, frame) => {
    sent.push(frame)
    return true
  })
  for (let nth = 0; nth < 3; nth += 1) forwards.add('peer', frameOf(nth), idOf(nth))
  forwards.forget('peer')
  pace.forget('peer')
  forwards.add('peer', frameOf(9), idOf(9))
  await new Promise(resolve => setImmediate(resolve))
  assert.deepEqual(sent, [frameOf(0), frameOf(9)])
})
