import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Stream } from '@libp2p/interface'
import { assumeProtocol, isAssumed } from './assumed-protocol.ts'

const AGREEMENT = Buffer.from('\x13/multistream/1.0.0\n\x07/a/1.0\n', 'latin1')

class Pipe {
  protocol = ''
  readonly sent: Buffer[] = []
  readonly received: Buffer[] = []
  aborted: Error | undefined

  send(data: Uint8Array): boolean {
    this.sent.push(Buffer.from(data))
    return true
  }

  onData(data: Uint8Array): void {
    this.received.push(Buffer.from(data))
  }

  abort(error: Error): void {
    this.aborted = error
  }
}

/** Returns a stream that was opened for a protocol, by the few members that are used of it. */
function opened(): Pipe {
  const pipe = new Pipe()
  assumeProtocol(pipe as unknown as Stream, '/a/1.0')
  return pipe
}

test('names the protocol at once', () => {
  const pipe = opened()
  assert.equal(pipe.protocol, '/a/1.0')
  assert.deepEqual(Buffer.concat(pipe.sent), AGREEMENT)
})

test('takes the answer out of what comes in, however it is cut', () => {
  const bytes = Buffer.concat([AGREEMENT, Buffer.from('what follows')])
  for (let at = 1; at < bytes.length; at += 1) {
    const pipe = opened()
    pipe.onData(bytes.subarray(0, at))
    pipe.onData(bytes.subarray(at))
    assert.equal(Buffer.concat(pipe.received).toString(), 'what follows')
    assert.equal(pipe.aborted, undefined)
    assert.equal(Object.hasOwn(pipe, 'onData'), false, 'later data goes the direct way')
  }
})

test('aborts the stream when the other end does not agree', () => {
  for (const answer of [
    '\x13/multistream/1.0.0\n\x03na\n',
    '\x13/multistream/2.0.0\n',
    '\x00',
    'HTTP/1.1 400 Bad Request',
  ]) {
    const pipe = opened()
    pipe.onData(Buffer.from(answer, 'latin1'))
    assert.equal(pipe.aborted?.name, 'UnsupportedProtocolError')
    assert.deepEqual(pipe.received, [])
  }
})

test('only what is asked for, or spoken by all who are asked, is assumed', () => {
  assert.equal(isAssumed('/a/1.0', {}), false)
  assert.equal(isAssumed('/a/1.0', { assumesProtocol: true }), true)
  assert.equal(isAssumed('/ipfs/id/1.0.0', {}), true)
})
