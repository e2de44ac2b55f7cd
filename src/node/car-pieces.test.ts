import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FileReader } from '../contract/source.ts'
import { CarPieces, PIECES_FILE_BYTES_MIN } from './car-pieces.ts'

/** A file in memory in which every 8 bytes tell where they are. */
function fileOf(length: number): FileReader & { readonly bytes: Uint8Array } {
  const bytes = new Uint8Array(new Float64Array(Math.ceil(length / 8)).map((_, nth) => nth).buffer, 0, length)
  return {
    bytes,
    async read(target, position) {
      const part = bytes.subarray(position, position + target.length)
      target.set(part)
      return part.length
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

for (const length of [0, 1, PIECES_FILE_BYTES_MIN, 5 * PIECES_FILE_BYTES_MIN + 3]) {
  test(`reads a file of ${length} bytes into memory that is used again`, async () => {
    const file = fileOf(length)
    const buffers = new Set<ArrayBufferLike>()
    let at = 0
    for await (const piece of new CarPieces().read(file)) {
      assert.ok(Buffer.compare(piece, file.bytes.subarray(at, at + piece.length)) === 0)
      at += piece.length
      buffers.add(piece.buffer)
    }
    assert.equal(at, length)
    assert.ok(buffers.size <= 2, `${buffers.size} pieces for what takes two`)
  })
}

test('leaves what is held as it is, until it is released', async () => {
  const file = fileOf(6 * PIECES_FILE_BYTES_MIN)
  const pieces = new CarPieces()
  const held: { at: number; bytes: Uint8Array; release: (() => void) | undefined }[] = []
  let at = 0
  let most = 0
  for await (const piece of pieces.read(file)) {
    const bytes = piece.subarray(0, 64)
    held.push({ at, bytes, release: pieces.hold(bytes) })
    at += piece.length
    most = Math.max(most, held.length)
    if (held.length < 3) continue
    for (const { at, bytes } of held) assert.deepEqual(bytes, file.bytes.subarray(at, at + 64))
    const first = held.shift()
    first?.release?.()
    // Once more changes nothing.
    first?.release?.()
  }
  assert.equal(most, 3)
  assert.equal(pieces.hold(new Uint8Array(1)), undefined)
})

test('pieces end where large sections end, and lie on their pages as in the file', async () => {
  const section = 262_198
  const file = fileOf(59 + 40 * section)
  const pieces = new CarPieces()
  let position = 0
  let cut = 0
  for await (const piece of pieces.read(file)) {
    assert.equal(piece.byteOffset % 4096, position % 4096)
    position += piece.length
    const whole = Math.floor((position - 59) / section)
    pieces.sectionEnds(59 + whole * section, section)
    if (position !== 59 + whole * section) cut += 1
  }
  assert.equal(position, file.bytes.length)
  // The first two were read before anything was known.
  assert.equal(cut, 2)
})
