import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Stream } from '@libp2p/interface'
import { FrameReader } from './pubsub-frames.ts'
import { RPC_BYTES_MAX } from './pubsub-messages.ts'

/** What a reader uses of a stream. */
class FakeStream extends EventTarget {
  readStatus = 'readable'
  maxReadBufferLength = 0
  aborted: Error | undefined

  arrive(data: Uint8Array): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data }))
  }

  end(error?: Error): void {
    this.dispatchEvent(Object.assign(new Event('close'), { error }))
  }

  pause(): void {
    this.readStatus = 'paused'
  }

  resume(): void {
    this.readStatus = 'readable'
  }

  abort(error: Error): void {
    this.aborted = error
  }

  async close(): Promise<void> {
    // Nothing is sent.
  }
}

function reading(take?: (frame: Uint8Array) => Promise<void> | undefined) {
  const stream = new FakeStream()
  const frames: Buffer[] = []
  const failures: Error[] = []
  new FrameReader(stream as unknown as Stream, {
    take: frame => {
      frames.push(Buffer.from(frame))
      return take?.(frame)
    },
    failed: error => failures.push(error),
  })
  return { stream, frames, failures }
}

function framed(...bodies: readonly Uint8Array[]): Buffer {
  const parts = bodies.flatMap(body => {
    const length: number[] = []
    for (let left = body.length; ; left >>>= 7) {
      length.push(left > 127 ? (left & 127) | 128 : left)
      if (left <= 127) return [Buffer.from(length), body]
    }
  })
  return Buffer.concat(parts)
}

const bodies = [Buffer.from('one'), Buffer.alloc(0), Buffer.alloc(300, 'x'), Buffer.alloc(70_000, 'y')]

test('frames are found however they are cut, and used at once', () => {
  const bytes = framed(...bodies)
  for (const size of [1, 2, 3, 127, 1_000, 65_536, bytes.length]) {
    const { stream, frames } = reading()
    for (let at = 0; at < bytes.length; at += size) stream.arrive(bytes.subarray(at, at + size))
    assert.deepEqual(frames, bodies, `pieces of ${size}`)
  }
})

test('one after another, and what waits closes the window', async () => {
  const turns: (() => void)[] = []
  const { stream, frames } = reading(() => new Promise(resolve => turns.push(resolve)))
  for (let nth = 0; nth < 6; nth += 1) stream.arrive(framed(Buffer.alloc(60_000, nth)))
  assert.equal(frames.length, 1)
  assert.equal(stream.readStatus, 'paused')
  for (let nth = 1; nth <= 6; nth += 1) {
    assert.equal(frames.length, nth)
    turns.shift()?.()
    await new Promise(resolve => setImmediate(resolve))
  }
  assert.equal(stream.readStatus, 'readable')
})

test('a frame larger than what is read ahead arrives', () => {
  const { stream, frames } = reading()
  const bytes = framed(Buffer.alloc(RPC_BYTES_MAX, 'z'))
  for (let at = 0; at < bytes.length; at += 16_384) {
    assert.equal(stream.readStatus, 'readable')
    stream.arrive(bytes.subarray(at, at + 16_384))
  }
  assert.equal(frames[0]?.length, RPC_BYTES_MAX)
})

test('the rest of a frame is read, also when its beginning came while reading paused', async () => {
  const turns: (() => void)[] = []
  const { stream, frames } = reading(() => new Promise(resolve => turns.push(resolve)))
  const bytes = framed(Buffer.from('first'), Buffer.alloc(700_000, 'l'))
  stream.arrive(bytes.subarray(0, 500_000))
  assert.equal(stream.readStatus, 'paused')
  turns.shift()?.()
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(stream.readStatus, 'readable')
  stream.arrive(bytes.subarray(500_000))
  assert.equal(frames[1]?.length, 700_000)
})

test('what came before the end is still used; a break is told, an end is not', async () => {
  for (const error of [undefined, new Error('reset')]) {
    const turns: (() => void)[] = []
    const { stream, frames, failures } = reading(() => new Promise(resolve => turns.push(resolve)))
    stream.arrive(framed(Buffer.from('a'), Buffer.from('b')))
    stream.end(error)
    for (let nth = 0; nth < 2; nth += 1) {
      turns.shift()?.()
      await new Promise(resolve => setImmediate(resolve))
    }
    assert.deepEqual(frames.map(String), ['a', 'b'])
    assert.deepEqual(failures, error === undefined ? [] : [error])
  }
})

test('too large a frame, or a length without an end, ends the stream before it is read', () => {
  for (const head of [framed(Buffer.alloc(RPC_BYTES_MAX + 1)).subarray(0, 3), Buffer.from([255, 255, 255, 255])]) {
    const { stream, frames, failures } = reading()
    stream.arrive(head)
    assert.match(String(stream.aborted), /too large/)
    assert.equal(failures.length, 1)
    stream.arrive(framed(Buffer.from('more')))
    assert.deepEqual(frames, [])
  }
})

test('a small frame does not keep the large piece of memory that it came in', () => {
  const kept: Uint8Array[] = []
  const { stream } = reading(frame => {
    kept.push(frame)
    return undefined
  })
  const large = new Uint8Array(65_536)
  large.set(framed(Buffer.from('small')))
  stream.arrive(large.subarray(0, 6))
  assert.equal(kept[0]?.buffer.byteLength, 5)
})

test('other work gets its turn while many frames are used', async () => {
  const { stream, frames } = reading(() => {
    for (const until = performance.now() + 3; performance.now() < until; );
    return undefined
  })
  stream.arrive(framed(...Array.from({ length: 12 }, (_, nth) => Buffer.from([nth]))))
  assert.ok(frames.length < 12)
  while (frames.length < 12) await new Promise(resolve => setImmediate(resolve))
})
