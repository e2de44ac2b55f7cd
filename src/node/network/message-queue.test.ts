import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageQueue, QUEUE_MESSAGES_MAX } from './message-queue.ts'

const message = (nth: number) => ({ nth, data: new Uint8Array(1) })

test('messages come out in their order, and a closed queue is read to its end', async () => {
  const queue = new MessageQueue<ReturnType<typeof message>>()
  for (let nth = 0; nth < 3_000; nth++) queue.push(message(nth))
  queue.close()
  queue.push(message(-1))
  const read = await Array.fromAsync(queue.read(), item => item.nth)
  assert.deepEqual(
    read,
    Array.from({ length: 3_000 }, (_, nth) => nth),
  )
})

test('a full queue is waited for, and one that nobody reads drops', async () => {
  const queue = new MessageQueue<ReturnType<typeof message>>()
  for (let nth = 0; nth < QUEUE_MESSAGES_MAX; nth++) queue.push(message(nth))
  const waiting = queue.room()
  const reader = queue.read()
  for (let nth = 0; nth <= QUEUE_MESSAGES_MAX / 2; nth++) await reader.next()
  await waiting
  assert.equal(queue.dropped, 0)
  while (queue.dropped === 0) queue.push(message(0))
  await queue.room(1)
  await queue.room(60_000)
  queue.push(message(0))
  assert.equal(queue.dropped, 2)
  await reader.return(undefined)
})

test('an aborted signal ends the wait for a message', async () => {
  const queue = new MessageQueue<ReturnType<typeof message>>()
  const stop = new AbortController()
  const next = queue.read(stop.signal).next()
  stop.abort(new Error('enough'))
  await assert.rejects(next, /enough/)
})
