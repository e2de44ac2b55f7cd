import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Connection, MultiaddrConnection, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { BandwidthCounter } from './bandwidth.ts'
import { COUNT_BYTES } from './tls.ts'

const ADDRESS = '/ip4/192.0.2.1/tcp/4001'

/** A connection, or a stream, of libp2p, as far as bytes are concerned. */
class Pipe {
  readonly remoteAddr = multiaddr(ADDRESS)
  readonly protocol: string
  readonly taken: number[] = []

  constructor(protocol = '') {
    this.protocol = protocol
  }

  onData(data: Uint8Array): void {
    this.taken.push(data.byteLength)
  }

  send(data: Uint8Array): boolean {
    this.taken.push(-data.byteLength)
    return true
  }
}

function connect(counter: BandwidthCounter): Pipe {
  const pipe = new Pipe()
  counter.metrics().trackMultiaddrConnection(pipe as unknown as MultiaddrConnection)
  return pipe
}

function opened(counter: BandwidthCounter, pipe: Pipe, peer: string): void {
  counter.opened({ remoteAddr: pipe.remoteAddr, remotePeer: { toString: () => peer } } as unknown as Connection)
}

const totals = ({ totalIn, totalOut }: { totalIn: number; totalOut: number }): number[] => [totalIn, totalOut]

function withClock(t: TestContext): { now: number } {
  const clock = { now: 1_000 }
  t.mock.method(performance, 'now', () => clock.now)
  return clock
}

test('bytes are counted in all, by peer and by protocol, and go where they went', () => {
  const counter = new BandwidthCounter()
  const pipe = connect(counter)
  const stream = new Pipe('/ipfs/ping/1.0.0')
  counter.metrics().trackProtocolStream(stream as unknown as Stream)
  pipe.onData(new Uint8Array(100))
  assert.equal(pipe.send(new Uint8Array(30)), true)
  // Before the handshake nobody knows whose bytes they are.
  assert.deepEqual(totals(counter.read({ peer: 'p' })), [0, 0])
  opened(counter, pipe, 'p')
  pipe.onData(new Uint8Array(5))
  stream.onData(new Uint8Array(7))
  stream.send(new Uint8Array(8))
  assert.deepEqual(totals(counter.read()), [105, 30])
  assert.deepEqual(totals(counter.read({ peer: 'p' })), [105, 30])
  assert.deepEqual(totals(counter.read({ peer: 'q' })), [0, 0])
  assert.deepEqual(totals(counter.read({ protocol: '/ipfs/ping/1.0.0' })), [7, 8])
  assert.deepEqual(totals(counter.read({ protocol: '/other' })), [0, 0])
  assert.deepEqual(pipe.taken, [100, -30, 5])
})

test('two connections of a peer count together, also what came before it was known', () => {
  const counter = new BandwidthCounter()
  const [one, other] = [connect(counter), connect(counter)]
  one.onData(new Uint8Array(1))
  other.onData(new Uint8Array(10))
  opened(counter, one, 'p')
  opened(counter, other, 'p')
  opened(counter, other, 'p')
  one.send(new Uint8Array(100))
  other.send(new Uint8Array(1_000))
  assert.deepEqual(totals(counter.read({ peer: 'p' })), [11, 1_100])
  assert.deepEqual(totals(counter.read()), [11, 1_100])
})

test('what TLS sends past the connection is counted once', () => {
  const counter = new BandwidthCounter()
  const pipe = connect(counter)
  opened(counter, pipe, 'p')
  const count: unknown = Reflect.get(pipe, COUNT_BYTES)
  assert.ok(typeof count === 'function')
  count(40, 2)
  assert.deepEqual(totals(counter.read({ peer: 'p' })), [40, 2])
  assert.deepEqual(totals(counter.read()), [40, 2])
})

test('a rate falls when nothing comes any more, and is nothing in the end', t => {
  const clock = withClock(t)
  const counter = new BandwidthCounter()
  const pipe = connect(counter)
  // A steady 1,000 bytes each tenth of a second.
  for (let at = 0; at < 100; at++) {
    clock.now += 100
    pipe.onData(new Uint8Array(1_000))
  }
  const { rateIn, rateOut } = counter.read()
  assert.ok(rateIn > 9_500 && rateIn < 11_000, String(rateIn))
  assert.equal(rateOut, 0)
  clock.now += 1_000
  const later = counter.read().rateIn
  assert.ok(Math.abs(later - rateIn / Math.E) < 1)
  clock.now += 60_000
  assert.equal(counter.read().rateIn, 0)
  assert.equal(counter.read().totalIn, 100_000)
})

test('peers and protocols beyond a limit make room: the oldest are forgotten, not the total', () => {
  const counter = new BandwidthCounter()
  for (let at = 0; at < 4_097; at++) {
    const pipe = connect(counter)
    opened(counter, pipe, `peer ${at}`)
    pipe.onData(new Uint8Array(1))
  }
  assert.deepEqual(totals(counter.read({ peer: 'peer 0' })), [0, 0])
  assert.deepEqual(totals(counter.read({ peer: 'peer 4096' })), [1, 0])
  for (let at = 0; at < 513; at++) {
    const stream = new Pipe(`/protocol/${at}`)
    counter.metrics().trackProtocolStream(stream as unknown as Stream)
    stream.onData(new Uint8Array(1))
  }
  assert.deepEqual(totals(counter.read({ protocol: '/protocol/0' })), [0, 0])
  assert.deepEqual(totals(counter.read({ protocol: '/protocol/512' })), [1, 0])
  assert.equal(counter.read().totalIn, 4_097)
})
