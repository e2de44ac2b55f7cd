import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CID_BYTES_MAX,
  encodeFrame,
  encodeJson,
  encodeWithCid,
  FRAME,
  FRAME_BYTES_MAX,
  FrameReader,
  splitCid,
} from './exchange-wire.ts'

const CID = new Uint8Array(36).fill(3)

test('frames are read as they were written, wherever the connection is cut', () => {
  const bytes = Buffer.concat([
    ...encodeJson(FRAME.open, { peers: ['a'] }),
    ...encodeFrame(FRAME.want, CID),
    ...encodeFrame(FRAME.flush),
    ...encodeWithCid(FRAME.block, CID, new Uint8Array(5_000).fill(8)),
  ])
  for (const size of [1, 2, 5, 6, 100, bytes.length]) {
    const reader = new FrameReader()
    const frames = []
    for (let at = 0; at < bytes.length; at += size) frames.push(...reader.read(bytes.subarray(at, at + size)))
    assert.deepEqual(
      frames.map(({ kind, body }) => [kind, body.length]),
      [
        [FRAME.open, 15],
        [FRAME.want, 36],
        [FRAME.flush, 0],
        [FRAME.block, 5_037],
      ],
    )
    const { cid, rest } = splitCid(frames[3]?.body ?? new Uint8Array(0))
    assert.ok(Buffer.from(cid).equals(CID))
    assert.ok(rest.length === 5_000 && rest.every(byte => byte === 8))
  }
})

test('a frame that is too long is neither written nor read, one that is no frame is refused', () => {
  assert.throws(() => encodeFrame(FRAME.block, new Uint8Array(FRAME_BYTES_MAX)))
  assert.throws(() => encodeWithCid(FRAME.block, new Uint8Array(CID_BYTES_MAX + 1), new Uint8Array(0)))
  for (const length of [0, FRAME_BYTES_MAX + 1, 0xffff_ffff]) {
    const head = Buffer.alloc(5)
    head.writeUInt32BE(length)
    assert.throws(() => [...new FrameReader().read(head)], /a frame of/, String(length))
  }
  for (const body of [[], [0], [5, 1, 2]]) assert.throws(() => splitCid(Uint8Array.from(body)), /cut short/)
})
