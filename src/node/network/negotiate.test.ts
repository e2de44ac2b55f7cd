import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MessageStream } from '@libp2p/interface'
import { handle, select } from '@libp2p/multistream-select'
import { multiaddrConnectionPair } from '@libp2p/utils'
import { answer, propose } from './negotiate.ts'

const SIGNAL = AbortSignal.timeout(20_000)
const SPOKEN = ['/noise', `/long/${'x'.repeat(300)}`, '/a/1.0']

type Side = (stream: MessageStream, protocols: string[]) => Promise<string>

const ask: Record<string, Side> = {
  ours: (stream, protocols) => propose(stream, protocols, SIGNAL),
  theirs: (stream, protocols) => select(stream, protocols, { signal: SIGNAL }),
}
const reply: Record<string, Side> = {
  ours: (stream, protocols) => answer(stream, protocol => protocols.includes(protocol), SIGNAL),
  theirs: (stream, protocols) => handle(stream, protocols, { signal: SIGNAL }),
}

for (const [asking, from] of Object.entries(ask)) {
  for (const [answering, to] of Object.entries(reply)) {
    test(`${asking} and ${answering} agree, and what follows arrives`, async () => {
      for (const wanted of [['/a/1.0'], ['/tls/1.0.0', '/noise'], ['/b', '/c', SPOKEN[1] ?? '']]) {
        const [outbound, inbound] = multiaddrConnectionPair()
        const agreed = await Promise.all([from(outbound, wanted), to(inbound, SPOKEN)])
        assert.deepEqual(agreed, [wanted.at(-1), wanted.at(-1)])
        const came = Promise.withResolvers<string>()
        inbound.addEventListener('message', ({ data }) => came.resolve(Buffer.from(data.subarray()).toString()))
        outbound.send(Buffer.from('what follows'))
        assert.equal(await came.promise, 'what follows')
        outbound.abort(new Error('done'))
      }
    })
  }
}

test('no protocol in common is said to be none', async () => {
  const [outbound, inbound] = multiaddrConnectionPair()
  const replying = answer(inbound, () => false, SIGNAL)
  await assert.rejects(propose(outbound, ['/b', '/c'], SIGNAL), { name: 'UnsupportedProtocolError' })
  outbound.abort(new Error('done'))
  inbound.abort(new Error('done'))
  await assert.rejects(replying)
})

/** Has somebody answer who is told what comes in, in pieces of so many bytes, and returns what he sends, and hands on. */
async function answered(bytes: Buffer, size: number): Promise<{ sent: string; agreed: string; rest: string }> {
  const [outbound, inbound] = multiaddrConnectionPair()
  let sent = ''
  const replied = Promise.withResolvers<void>()
  outbound.addEventListener('message', ({ data }) => {
    sent += Buffer.from(data.subarray()).toString('latin1')
    if (sent.endsWith('/a/1.0\n')) replied.resolve()
  })
  const agreeing = answer(inbound, protocol => protocol === '/a/1.0', SIGNAL)
  for (let at = 0; at < bytes.length; at += size) outbound.send(bytes.subarray(at, at + size))
  const agreed = await agreeing
  let rest = ''
  const ended = Promise.withResolvers<void>()
  inbound.addEventListener('message', ({ data }) => {
    rest += Buffer.from(data.subarray()).toString('latin1')
    if (rest.endsWith('!')) ended.resolve()
  })
  await Promise.all([ended.promise, replied.promise])
  outbound.abort(new Error('done'))
  return { sent, agreed, rest }
}

test('lines are read however they are cut, and not a byte of what follows is lost', async () => {
  const bytes = Buffer.from('\x13/multistream/1.0.0\n\x03/b\n\x07/a/1.0\n\x00\xff\xff what follows!', 'latin1')
  const sent = '\x13/multistream/1.0.0\n\x03na\n\x07/a/1.0\n'
  for (let size = 1; size <= bytes.length; size += 1) {
    assert.deepEqual(await answered(bytes, size), { sent, agreed: '/a/1.0', rest: '\x00\xff\xff what follows!' })
  }
})

test('what is no line ends it, as does the end of the stream, or of the time', async () => {
  for (const text of [`GET / HTTP/1.1\r\n${'x'.repeat(80)}`, '\x00', '\xff\xff\xff', '\xff\x08', '\x03abc']) {
    const [outbound, inbound] = multiaddrConnectionPair()
    const agreeing = answer(inbound, () => true, SIGNAL)
    outbound.send(Buffer.from(text, 'latin1'))
    await assert.rejects(agreeing, /does not negotiate/)
    outbound.abort(new Error('done'))
  }
  const [outbound, inbound] = multiaddrConnectionPair()
  const agreeing = answer(inbound, () => true, SIGNAL)
  inbound.abort(new Error('gone'))
  await assert.rejects(agreeing, /gone/)
  outbound.abort(new Error('done'))
  const [late] = multiaddrConnectionPair()
  const stop = new AbortController()
  const proposing = propose(late, ['/a'], stop.signal)
  stop.abort(new Error('too late'))
  await assert.rejects(proposing, /too late/)
  late.abort(new Error('done'))
})
