import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PubsubPace } from './pubsub-pace.ts'

const id = (number: number): Uint8Array => Uint8Array.of(7, number)

test('the next message waits until the last one has come back', async () => {
  const asked: number[] = []
  const pace = new PubsubPace((peer, bytes) => {
    asked.push(bytes[1] ?? 0)
    // It takes two questions until the peer has it.
    if (asked.length === 2) pace.cameBack(peer, bytes)
  })
  await pace.ready('peer', undefined)
  assert.deepEqual(asked, [])
  pace.sent('peer', id(1), 10)
  await pace.ready('peer', undefined)
  assert.deepEqual(asked, [1, 1])
  await pace.ready('peer', undefined)
  assert.equal(asked.length, 2)
})

test('what comes back from another peer, or with another id, counts for nothing', async () => {
  const pace = new PubsubPace((peer, bytes) => {
    pace.cameBack('other', bytes)
    pace.cameBack(peer, id(2))
  })
  pace.sent('peer', id(1), 10)
  const began = performance.now()
  await pace.ready('peer', undefined)
  assert.ok(performance.now() - began >= 400)
})

test('a peer that never answers is given up, and its going ends the wait', async () => {
  let asked = 0
  const pace = new PubsubPace(() => {
    asked += 1
  })
  for (let nth = 1; nth <= 2; nth += 1) {
    pace.sent('peer', id(nth), 10)
    await pace.ready('peer', undefined)
  }
  assert.ok(asked > 2)
  asked = 0
  pace.sent('peer', id(3), 10)
  await pace.ready('peer', undefined)
  assert.equal(asked, 0)
  pace.forget('peer')
  await pace.ready('peer', undefined)
})

test('a peer that answers late each time does not hold up the others for long', async () => {
  let asked = 0
  const pace = new PubsubPace(
    (peer, bytes) => {
      asked += 1
      if (asked % 5 === 0) setTimeout(() => pace.cameBack(peer, bytes), 60)
    },
    { waitedMsMax: 100 },
  )
  for (let nth = 1; asked < 200 && nth <= 20; nth += 1) {
    pace.sent('peer', id(nth), 10)
    await pace.ready('peer', undefined)
  }
  const before = asked
  pace.sent('peer', id(21), 10)
  await pace.ready('peer', undefined)
  assert.ok(before > 0)
  assert.equal(asked, before, 'it gets a while, and is not asked')
})

test('an aborted signal ends the wait', async () => {
  const stop = new AbortController()
  const pace = new PubsubPace(() => stop.abort(new Error('enough')))
  pace.sent('peer', id(1), 10)
  await assert.rejects(pace.ready('peer', stop.signal), /enough/)
})
