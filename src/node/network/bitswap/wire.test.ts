import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ENTRIES_MAX, MESSAGE_BYTES_MAX } from './limits.ts'
import { MessageReader } from './streams.ts'
import { decodeMessage, encodeReply, encodeWants, type Message, type WantEntry } from './wire.ts'

const CID = Uint8Array.from([1, 0x55, 0x12, 0x20, ...new Uint8Array(32).fill(7)])
const PREFIX = CID.slice(0, 4)

function entry(change: Partial<WantEntry> = {}): WantEntry {
  return { cid: CID, priority: 1, cancel: false, type: 'block', sendDontHave: false, ...change }
}

/** Returns what a reader makes of bytes that come in pieces of `size`. */
function read(bytes: Uint8Array, size: number): Message[] {
  const reader = new MessageReader()
  const messages: Message[] = []
  for (let at = 0; at < bytes.length; at += size) {
    for (const message of reader.read(bytes.subarray(at, at + size))) messages.push(decodeMessage(message))
  }
  return messages
}

test('wants are read as they were written, wherever the stream is cut', () => {
  const entries = [
    entry(),
    entry({ priority: 2 ** 31 - 1, type: 'have', sendDontHave: true }),
    entry({ cancel: true }),
    entry({ cid: new Uint8Array(300), priority: 300 }),
  ]
  const bytes = Buffer.concat([encodeWants(entries, true), encodeWants([entry({ type: 'have' })], false)])
  for (const size of [1, 2, 3, 7, 64, bytes.length]) {
    const [first, second, ...more] = read(bytes, size)
    assert.deepEqual(
      first?.entries.map(({ cid, ...rest }) => ({ ...rest, cid: [...cid] })),
      entries.map(({ cid, ...rest }) => ({ ...rest, cid: [...cid] })),
    )
    assert.equal(first?.full, true)
    assert.deepEqual([second?.full, second?.entries.length, second?.entries[0]?.type], [false, 1, 'have'])
    assert.deepEqual(more, [])
  }
})

test('blocks and presences are read as they were written; those of 1.0.0 have no prefix', () => {
  const blocks = [
    { prefix: PREFIX, data: new Uint8Array(70_000).fill(1) },
    { prefix: undefined, data: Uint8Array.of(1, 2, 3) },
    { prefix: PREFIX, data: new Uint8Array(0) },
  ]
  const presences = [
    { cid: CID, has: true },
    { cid: CID, has: false },
  ]
  const bytes = Buffer.concat(encodeReply({ blocks, presences, pendingBytes: 123_456 }))
  for (const size of [1, 1_000, bytes.length]) {
    const [message, ...more] = read(bytes, size)
    assert.deepEqual(more, [])
    assert.deepEqual(
      message?.blocks.map(({ prefix, data }) => [prefix === undefined ? undefined : [...prefix], data.length]),
      [
        [[...PREFIX], 70_000],
        [undefined, 3],
        [[...PREFIX], 0],
      ],
    )
    assert.deepEqual(
      message?.presences.map(({ has }) => has),
      [true, false],
    )
    assert.equal(message?.pendingBytes, 123_456)
  }
  const [empty] = read(Buffer.concat(encodeReply({ blocks: [], presences: [], pendingBytes: 5 })), 1)
  assert.deepEqual([empty?.blocks.length, empty?.pendingBytes], [0, 5])
})

test('a message that is cut anywhere is refused, or is a shorter one; none breaks the reader', () => {
  const whole = Buffer.concat(
    encodeReply({
      blocks: [{ prefix: PREFIX, data: new Uint8Array(20) }],
      presences: [{ cid: CID, has: false }],
      pendingBytes: 9,
    }),
  ).subarray(1)
  let refused = 0
  for (let length = 0; length < whole.length; length++) {
    try {
      const { blocks, presences } = decodeMessage(whole.subarray(0, length))
      assert.ok(blocks.length + presences.length <= 2)
    } catch (error) {
      assert.match(String(error), /cut short|wire type/)
      refused += 1
    }
  }
  assert.ok(refused > whole.length / 2)
})

test('fields that are not known are skipped; numbers without an end, wire types without a meaning are refused', () => {
  // Field 15 as a varint, as 8 bytes, as bytes and as 4 bytes, before a want list that replaces the last.
  const strange = [0x78, 5, 0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x7a, 2, 9, 9, 0x7d, 1, 2, 3, 4]
  assert.equal(decodeMessage(Uint8Array.from([...strange, 0x0a, 2, 0x10, 1])).full, true)
  for (const bytes of [new Array(11).fill(0xff), [0x7b], [0x7c, 1], [0x79, 1], [0x0a, 0x7f]]) {
    assert.throws(() => decodeMessage(Uint8Array.from(bytes)))
  }
})

test('a priority below zero is one, as a peer in Go writes it', () => {
  const minusOne = [0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]
  const { entries } = decodeMessage(Uint8Array.from([0x0a, 13, 0x0a, 11, ...minusOne]))
  assert.ok((entries[0]?.priority ?? 1) <= 0)
})

test('more entries than anybody needs are refused before they are kept', () => {
  const many = new Uint8Array((ENTRIES_MAX + 1) * 2)
  for (let at = 0; at < many.length; at += 2) many[at] = 0x22
  assert.throws(() => decodeMessage(many), /too many/)
})

test('a length beyond the limit, or without an end, is refused at once; an empty message is none', () => {
  const lengths = [[0x81, 0x80, 0x80, 0x02], [0xff, 0xff, 0xff, 0xff, 0x0f], new Array(1_000).fill(0x80)]
  for (const bytes of lengths) assert.throws(() => [...new MessageReader().read(Uint8Array.from(bytes))], /more than/)
  assert.deepEqual([...new MessageReader().read(Uint8Array.of(0, 0, 0))], [])
  const most = new MessageReader()
  assert.deepEqual([...most.read(Uint8Array.of(0x80, 0x80, 0x80, 0x02))], [])
  const [message] = most.read(new Uint8Array(MESSAGE_BYTES_MAX))
  assert.equal(message?.length, MESSAGE_BYTES_MAX)
})
