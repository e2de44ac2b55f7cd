import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { freshRepo } from './fresh-repo.suite.ts'
import type { Block } from './roles.ts'

/** Returns a raw block that begins with a number. */
function block(nth: number, size: number): Block {
  const bytes = new Uint8Array(size)
  new DataView(bytes.buffer).setUint32(0, nth)
  return { cid: CID.createV1(0x55, Digest.create(0x12, createHash('sha256').update(bytes).digest())), bytes }
}

test('a pack that becomes full while its last blocks wait for their commit keeps them', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  // More than a pack holds, and a little that is appended before the commit of what filled it.
  const blocks = Array.from({ length: 272 }, (_, nth) => block(nth, nth < 256 ? 262_144 : 300))
  for (const { cid, bytes } of blocks) await repo.blocks.put(cid, bytes)
  await repo.blocks.flush()
  await using other = await fresh.open()
  for (const { cid, bytes } of blocks) assert.ok(Buffer.from(await other.blocks.get(cid)).equals(bytes))
})
