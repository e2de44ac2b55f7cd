import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRpc, encodedSize, encodeFrame, LIST_MAX, type Rpc, signedBytes } from './pubsub-wire.ts'

const bytes = (...values: number[]): Uint8Array => Buffer.from(values)

const full: Rpc = {
  subscriptions: [
    { subscribe: true, topic: 'news' },
    { subscribe: false, topic: 'caf\u00e9 \udcff' },
  ],
  messages: [
    {
      from: bytes(1),
      data: Buffer.alloc(300, 7),
      seqno: bytes(0, 0, 0, 0, 0, 0, 0, 9),
      topic: 'news',
      signature: bytes(3),
      key: bytes(4),
    },
    { topic: '' },
  ],
  control: {
    ihave: [{ topicID: 'news', messageIDs: [bytes(1, 2), bytes(3)] }],
    iwant: [{ messageIDs: [bytes(5)] }],
    graft: [{ topicID: 'news' }],
    prune: [{ topicID: 'old', peers: [{ peerID: bytes(8), signedPeerRecord: bytes(9, 9) }], backoff: 60 }],
    idontwant: [{ messageIDs: [bytes(6), bytes(7)] }],
  },
}

/** Takes the length off a frame, which has two bytes of it here. */
function bodyOf(frame: Uint8Array): Uint8Array {
  assert.equal((frame[0] ?? 0) & 127, (frame.length - 2) & 127)
  return frame.subarray(2)
}

test('what is encoded is decoded', () => {
  const decoded = decodeRpc(bodyOf(encodeFrame(full)))
  assert.deepEqual(JSON.parse(JSON.stringify(decoded)), {
    ...JSON.parse(JSON.stringify(full)),
    control: { ...JSON.parse(JSON.stringify(full.control)), graft: [{ topicID: 'news', messageIDs: [] }] },
  })
})

test('the bytes are those of the specification', () => {
  // Put together by hand: subscriptions 1, messages 2, control 3; strings and bytes with their lengths.
  const frame = encodeFrame({
    subscriptions: [{ subscribe: true, topic: 'a' }],
    messages: [{ from: bytes(1), data: bytes(2), seqno: bytes(3), topic: 'b', signature: bytes(4), key: bytes(5) }],
    control: { ihave: [], iwant: [{ messageIDs: [bytes(6)] }], graft: [], prune: [], idontwant: [] },
  })
  const message = '0a0101' + '120102' + '1a0103' + '220162' + '2a0104' + '320105'
  const rest = '0a05' + '0801' + '120161' + '1a05' + '1203' + '0a0106'
  assert.equal(frame.toString('hex'), '22' + '1212' + message + rest)
})

test('topics that are no UTF-8 keep their bytes, and are told apart', () => {
  const topics = [bytes(0xff), bytes(0xfe), bytes(0xef, 0xbf, 0xbd), bytes(0xc3, 0xa9), bytes(0xed, 0xb3, 0xbf)]
  const names = topics.map(topic => {
    const subscription = Buffer.concat([bytes(0x0a, topic.length + 2, 0x12, topic.length), topic])
    const [{ topic: name = '' } = {}] = decodeRpc(subscription).subscriptions
    const again = encodeFrame({ subscriptions: [{ topic: name }] }).subarray(1)
    assert.deepEqual(again, subscription)
    return name
  })
  assert.equal(new Set(names).size, topics.length)
})

test('what is signed is all but signature and key', () => {
  const [message] = full.messages
  assert.ok(message !== undefined)
  const { signature: _signature, key: _key, ...unsigned } = message
  assert.equal(signedBytes(message).toString('latin1', 0, 14), 'libp2p-pubsub:')
  assert.deepEqual(signedBytes(message), signedBytes(unsigned))
  const again = decodeRpc(bodyOf(encodeFrame({ messages: [unsigned] }))).messages[0]
  assert.deepEqual(again?.data, message.data)
  assert.deepEqual(
    encodeFrame({ messages: [unsigned] }).subarray(-signedBytes(message).length + 14),
    signedBytes(message).subarray(14),
  )
})

test('the size of a message is known before it is encoded', () => {
  for (const message of full.messages) {
    const frame = encodeFrame({ messages: [message] })
    assert.equal(encodedSize(message), frame.length - (frame.length > 128 ? 2 : 1))
  }
})

test('fields of later versions are passed over', () => {
  const later = bytes(0x78, 1, 0x7a, 2, 1, 1, 0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x7d, 1, 2, 3, 4)
  assert.deepEqual(decodeRpc(Buffer.concat([later, bytes(0x12, 3, 0x22, 1, 0x61), later])).messages, [
    { from: undefined, data: undefined, seqno: undefined, topic: 'a', signature: undefined, key: undefined },
  ])
})

test('what is cut short, malformed or too much is refused, whatever its lengths say', () => {
  const body = bodyOf(encodeFrame(full))
  for (let length = 1; length < body.length; length += 1) {
    try {
      decodeRpc(body.subarray(0, length))
    } catch (error) {
      assert.match(String(error), /an RPC of pubsub/)
    }
  }
  for (const wrong of [
    bytes(0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
    bytes(0x12, 0xff, 0xff, 0xff, 0xff, 0x0f),
    bytes(0x13),
    bytes(0x10, 1),
    bytes(0x12, 2, 0x20, 1),
    bytes(0x80),
  ]) {
    assert.throws(() => decodeRpc(wrong), /an RPC of pubsub/)
  }
  const many = Buffer.concat(Array.from({ length: LIST_MAX + 1 }, () => bytes(0x12, 0)))
  assert.throws(() => decodeRpc(many), /more than/)
})
