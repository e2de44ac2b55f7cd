import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type HttpAnswer, HttpAnswerReader } from './http-answer.ts'

const CHUNKED =
  'HTTP/1.1 200 OK\r\nTrailer: X-Stream-Error\r\nTransfer-Encoding: chunked\r\n\r\n' +
  '5\r\n{"a":\r\n3;x=y\r\n1}\n\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nX-Stream-Error: no\r\n\r\n'

/** Reads an answer that comes in pieces of so many bytes. */
function read(text: string, size: number): HttpAnswer | undefined {
  const reader = new HttpAnswerReader()
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) {
    const answer = reader.push(bytes.subarray(at, at + size))
    if (answer !== undefined) return answer
  }
  return reader.end()
}

test('an answer is the same in pieces of every size', () => {
  const answers: [string, HttpAnswer][] = [
    [CHUNKED, { status: 200, body: '{"a":1}\nabcdefghijklmnopqrstuvwxyz' }],
    ['HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\n\r\nübel', { status: 500, body: 'übe' }],
    ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', { status: 200, body: '' }],
    ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n', { status: 204, body: '' }],
    ['HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nup to the end', { status: 200, body: 'up to the end' }],
  ]
  for (const [text, answer] of answers) {
    for (let size = 1; size <= text.length + 1; size += 1)
      assert.deepEqual(read(text, size), answer, `${size}: ${text}`)
  }
})

test('an answer that is cut short is none', () => {
  const whole = Buffer.from(CHUNKED.slice(0, CHUNKED.indexOf('0\r\nX-Stream-Error')))
  for (let length = 0; length <= whole.length; length += 1) {
    const reader = new HttpAnswerReader()
    assert.equal(reader.push(whole.subarray(0, length)), undefined)
    assert.equal(reader.end(), undefined)
  }
})

test('what is no answer is refused', () => {
  const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
  const wrong = [
    'SSH-2.0-x\r\n\r\n',
    `${head}-1\r\n`,
    `${head}x\r\n`,
    `${head}${'1'.repeat(2000)}`,
    `${head}ffffffffffffffff\r\n`,
    'HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\n',
    `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(300_000)}`,
  ]
  for (const text of wrong) assert.throws(() => read(text, text.length), Error, text.slice(0, 80))
})
