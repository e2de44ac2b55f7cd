import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StreamMuxer } from '@libp2p/interface'
import { closedWhenSilent, roundTripMs } from './keep-alive.ts'

const SILENCE_MS = 40

/** The part of a muxer that pings. The other end answers when the test says so. */
function pinging() {
  const answer = Promise.withResolvers<number>()
  const closed = Promise.withResolvers<string>()
  const seen: unknown[] = []
  let asked = 0
  const muxer = {
    rtt: -1,
    ping: async (): Promise<number> => {
      asked += 1
      return await answer.promise
    },
    onData: (data: unknown): void => void seen.push(data),
    maConn: {
      abort(error: Error): void {
        closed.resolve(error.message)
        answer.reject(error)
      },
    },
  }
  const watched = closedWhenSilent(muxer as unknown as StreamMuxer, SILENCE_MS) as unknown as typeof muxer
  return { muxer: watched, answer, closed: closed.promise, seen, asked: () => asked }
}

test('a peer that answers stays', async () => {
  const { muxer, answer, closed } = pinging()
  const ping = muxer.ping()
  answer.resolve(7)
  assert.equal(await ping, 7)
  const later = new Promise(resolve => setTimeout(resolve, 2 * SILENCE_MS, 'open'))
  assert.equal(await Promise.race([closed, later]), 'open')
})

test('a peer from which nothing comes is let go', async () => {
  const { muxer, closed } = pinging()
  const ping = muxer.ping()
  ping.catch(() => undefined)
  assert.equal(await closed, 'the peer is silent')
  await assert.rejects(ping, /silent/)
})

test('a peer that answers late, and sends something else before, stays', async () => {
  const { muxer, answer, closed, seen } = pinging()
  const ping = muxer.ping()
  const begun = performance.now()
  const talking = setInterval(() => muxer.onData('data'), SILENCE_MS / 8)
  while (performance.now() - begun < 4 * SILENCE_MS) await new Promise(resolve => setImmediate(resolve))
  clearInterval(talking)
  answer.resolve(4 * SILENCE_MS)
  assert.equal(await Promise.race([ping, closed]), 4 * SILENCE_MS)
  assert.ok(seen.length > 4 && seen.every(data => data === 'data'))
})

test('the round trip of a connection is that of its muxer, once there is one', () => {
  assert.equal(roundTripMs({ muxer: { rtt: 12 } }), 12)
  for (const connection of [{ muxer: { rtt: -1 } }, { muxer: null }, {}]) {
    assert.equal(roundTripMs(connection), undefined)
  }
})

test('a peer that has sent something since the last ping is not asked', async () => {
  const { muxer, answer, asked } = pinging()
  answer.resolve(5)
  assert.equal(await muxer.ping(), 5)
  muxer.onData('data')
  assert.equal(await muxer.ping(), 5)
  assert.equal(asked(), 1)
  await muxer.ping()
  assert.equal(asked(), 2)
})
