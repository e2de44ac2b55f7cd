import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UnixFS } from 'ipfs-unixfs'
import { decodeUnixfs, encodeUnixfs } from './unixfs.ts'

const DATA = Uint8Array.from([1, 2, 3])

test('encodes as the reference library does, and reads what it wrote', () => {
  for (const [ours, theirs] of [
    [{ type: 'directory' }, new UnixFS({ type: 'directory' })],
    [{ type: 'file', data: DATA, fileSize: 3 }, new UnixFS({ type: 'file', data: DATA })],
    [{ type: 'raw', data: DATA, fileSize: 3 }, new UnixFS({ type: 'raw', data: DATA })],
    [{ type: 'file', fileSize: 30, blockSizes: [10, 20] }, new UnixFS({ type: 'file', blockSizes: [10n, 20n] })],
    [
      { type: 'file', data: DATA, fileSize: 3, mode: 0o600, mtime: { seconds: 1_700_000_000, nanoseconds: 5 } },
      new UnixFS({ type: 'file', data: DATA, mode: 0o600, mtime: { secs: 1_700_000_000n, nsecs: 5 } }),
    ],
    [{ type: 'symlink', data: DATA }, new UnixFS({ type: 'symlink', data: DATA })],
  ] as const) {
    const bytes = theirs.marshal()
    const read = decodeUnixfs(bytes)
    assert.equal(read.type, ours.type)
    if (ours.type !== 'symlink') assert.deepEqual(Buffer.from(encodeUnixfs(ours)), Buffer.from(bytes), ours.type)
    assert.equal(UnixFS.unmarshal(encodeUnixfs(ours)).type, theirs.type)
    assert.deepEqual(Buffer.from(read.data ?? []), Buffer.from(theirs.data ?? []))
  }
})
