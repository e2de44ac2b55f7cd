import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import type { Failure } from '../contract/failure.ts'
import { ReadMemory } from './read-memory.ts'
import type { Block, Blocks } from './roles.ts'

const RAW = 0x55
const DAG_PB = 0x70
const SHA2_256 = 0x12

/** An implementation under test. `reopen` closes it and opens it anew; without it nothing outlives the object. */
export interface BlocksUnderTest extends AsyncDisposable {
  readonly blocks: Blocks
  reopen?(): Promise<Blocks>
}

/** Returns a block of `size` bytes that differ for every `seed`. */
export function sampleBlock(seed: number, size = 100, code = RAW): Block {
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size; at += 32) {
    const part = createHash('sha256').update(`${seed} ${at}`).digest()
    bytes.set(part.subarray(0, Math.min(32, size - at)), at)
  }
  return { cid: cidOf(bytes, code), bytes }
}

/** Returns the CIDv1 of bytes by SHA2-256. */
export function cidOf(bytes: Uint8Array, code = RAW): CID {
  return CID.createV1(code, Digest.create(SHA2_256, createHash('sha256').update(bytes).digest()))
}

/** Declares the tests that every implementation of `Blocks` passes. */
export function blocksSuite(name: string, make: () => Promise<BlocksUnderTest>): void {
  const check = (title: string, body: (under: BlocksUnderTest) => Promise<void>): void => {
    test(`${name}: ${title}`, async () => {
      await using under = await make()
      await body(under)
    })
  }

  check('gives back what was put, before and after a flush', async ({ blocks }) => {
    const { cid, bytes } = sampleBlock(1)
    assert.equal(await blocks.has(cid), false)
    await blocks.put(cid, bytes)
    assert.equal(await blocks.has(cid), true)
    assert.deepEqual(Buffer.from(await blocks.get(cid)), Buffer.from(bytes))
    await blocks.flush()
    assert.deepEqual(Buffer.from(await blocks.get(cid)), Buffer.from(bytes))
    assert.deepEqual(await blocks.stat(cid), { size: 100, leaf: true })
  })

  check('tells of many blocks at once, in their order, whether flushed or not', async ({ blocks }) => {
    const here = [1, 2, 3].map(seed => sampleBlock(seed, seed * 10))
    for (const [nth, { cid, bytes }] of here.entries()) {
      await blocks.put(cid, bytes)
      if (nth < 2) await blocks.flush()
    }
    const identity = CID.createV1(RAW, Digest.create(0, new Uint8Array(4)))
    const cids = [here[2]?.cid, sampleBlock(4).cid, here[0]?.cid, identity, here[0]?.cid].filter(
      cid => cid !== undefined,
    )
    const stats = await blocks.statMany(cids)
    assert.deepEqual(
      stats.map(stat => stat?.size),
      [30, undefined, 10, 4, 10],
    )
    assert.deepEqual(stats, await Promise.all(cids.map(cid => blocks.stat(cid))))
    assert.deepEqual(await blocks.statMany([]), [])
  })

  check('gives back memory that is lent, and keeps what was in it', async ({ blocks }) => {
    const { cid, bytes } = sampleBlock(7, 100)
    const lent = bytes.slice()
    let released = 0
    await blocks.put(cid, lent, { release: () => (released += 1) })
    await blocks.put(cid, lent, { release: () => (released += 1) })
    await blocks.flush()
    assert.equal(released, 2)
    lent.fill(0)
    assert.deepEqual(Buffer.from(await blocks.get(cid)), Buffer.from(bytes))
  })

  check('says not-found for a block that is not here', async ({ blocks }) => {
    const { cid } = sampleBlock(2)
    await assert.rejects(blocks.get(cid), { kind: 'not-found' })
    assert.equal(await blocks.stat(cid), undefined)
    assert.equal(await blocks.delete(cid), false)
    assert.deepEqual(await blocks.protect([cid]), [cid])
    await assert.rejects(Array.fromAsync(blocks.getMany([cid])), { kind: 'not-found' })
  })

  check('finds a block by its multihash, whatever the version and codec of the CID', async ({ blocks }) => {
    const { cid, bytes } = sampleBlock(3, 50, DAG_PB)
    await blocks.put(cid, bytes)
    await blocks.flush()
    assert.equal((await blocks.get(CID.createV0(cid.multihash as Digest.Digest<typeof SHA2_256, number>))).length, 50)
    assert.equal((await blocks.get(CID.createV1(RAW, cid.multihash))).length, 50)
  })

  check('knows the leaves: raw always, dag-pb when it was told, never by another codec', async ({ blocks }) => {
    const raw = sampleBlock(4)
    await blocks.put(raw.cid, raw.bytes)
    const told = sampleBlock(5, 60, DAG_PB)
    await blocks.put(told.cid, told.bytes, { leaf: true })
    const untold = sampleBlock(6, 60, DAG_PB)
    await blocks.put(untold.cid, untold.bytes)
    for (const flushed of [false, true]) {
      if (flushed) await blocks.flush()
      assert.equal((await blocks.stat(raw.cid))?.leaf, true)
      assert.equal((await blocks.stat(CID.createV1(DAG_PB, raw.cid.multihash)))?.leaf, false)
      assert.equal((await blocks.stat(untold.cid))?.leaf, false)
      assert.equal((await blocks.stat(CID.createV1(RAW, untold.cid.multihash)))?.leaf, true)
    }
    // A store may forget what it was told, but never invent it.
    assert.equal(typeof (await blocks.stat(told.cid))?.leaf, 'boolean')
  })

  check('answers identity CIDs from the CID, and stores none', async ({ blocks }) => {
    const bytes = new TextEncoder().encode('hello')
    const cid = CID.createV1(RAW, Digest.create(0, bytes))
    assert.equal(await blocks.has(cid), true)
    assert.deepEqual(await blocks.get(cid), bytes)
    await blocks.put(cid, bytes)
    await blocks.flush()
    assert.deepEqual(await blocks.protect([cid]), [])
    assert.deepEqual(await Array.fromAsync(blocks.list()), [])
  })

  check('keeps an empty block', async ({ blocks }) => {
    const { cid, bytes } = sampleBlock(7, 0)
    await blocks.put(cid, bytes)
    await blocks.flush()
    assert.equal((await blocks.get(cid)).length, 0)
    assert.deepEqual(await blocks.stat(cid), { size: 0, leaf: true })
  })

  check('takes the same block again and again', async ({ blocks }) => {
    const { cid, bytes } = sampleBlock(8)
    for (let round = 0; round < 3; round++) {
      await blocks.put(cid, bytes)
      await blocks.put(cid, bytes)
      await blocks.flush()
    }
    assert.equal((await Array.fromAsync(blocks.list())).length, 1)
  })

  check('lists every block once, as a raw CIDv1 with its size', async ({ blocks }) => {
    const samples = Array.from({ length: 2500 }, (_, seed) => sampleBlock(seed, seed % 200, seed % 2 ? RAW : DAG_PB))
    for (const { cid, bytes } of samples) await blocks.put(cid, bytes)
    await blocks.flush()
    const listed = new Map<string, number>()
    for await (const { cid, size } of blocks.list()) listed.set(cid.toString(), size)
    const expected = new Map(
      samples.map(({ cid, bytes }) => [CID.createV1(RAW, cid.multihash).toString(), bytes.length]),
    )
    assert.deepEqual(new Map([...listed].sort()), new Map([...expected].sort()))
  })

  check('yields many blocks in the order asked for, from lists and streams', async ({ blocks }) => {
    const samples = Array.from({ length: 300 }, (_, seed) => sampleBlock(seed, seed % 7 === 0 ? 70_000 : 500))
    for (const { cid, bytes } of samples) await blocks.put(cid, bytes)
    await blocks.flush()
    const order = samples.map(sample => sample.cid).reverse()
    const stream = async function* () {
      yield* order
    }
    for (const source of [order, stream()]) {
      const got = await Array.fromAsync(blocks.getMany(source))
      assert.deepEqual(
        got.map(block => block.cid.toString()),
        order.map(String),
      )
      for (const { cid, bytes } of got) assert.ok(cidOf(bytes).equals(cid))
    }
    for await (const _ of blocks.getMany(stream())) break
  })

  check('reads into memory that is used again, and leaves alone what is still looked at', async ({ blocks }) => {
    const sizes = [300_000, 70_000, 1_500_000, 500, 0, 262_144]
    const samples = Array.from({ length: 60 }, (_, seed) => sampleBlock(seed, sizes[seed % sizes.length]))
    for (const { cid, bytes } of samples.slice(0, 50)) await blocks.put(cid, bytes)
    await blocks.flush()
    for (const { cid, bytes } of samples.slice(50)) await blocks.put(cid, bytes)
    const order = [...samples, ...samples.slice(7, 30), ...samples.toReversed()].map(sample => sample.cid)
    const memory = new ReadMemory(2)
    let last: Block | undefined
    let count = 0
    for await (const block of blocks.getMany(order, { memory })) {
      memory.hand()
      assert.ok(block.cid.equals(order[count] ?? block))
      assert.ok(cidOf(block.bytes).equals(block.cid))
      // The one before may still be on its way to the disk.
      if (last !== undefined) assert.ok(cidOf(last.bytes).equals(last.cid))
      last = block
      count += 1
    }
    assert.equal(count, order.length)
    await assert.rejects(Array.fromAsync(blocks.getMany([sampleBlock(99).cid], { memory })), { kind: 'not-found' })
    for await (const _ of blocks.getMany(order, { memory })) break
  })

  check('removes a block', async ({ blocks }) => {
    const { cid, bytes } = sampleBlock(9)
    await blocks.put(cid, bytes)
    assert.equal(await blocks.delete(cid), true)
    assert.equal(await blocks.has(cid), false)
    await blocks.put(cid, bytes)
    await blocks.flush()
    assert.equal(await blocks.has(cid), true)
  })

  check('gives up when the signal says so', async ({ blocks }) => {
    const { cid, bytes } = sampleBlock(10)
    await blocks.put(cid, bytes)
    const signal = AbortSignal.abort()
    await assert.rejects(Array.fromAsync(blocks.getMany([cid], { signal })), { name: 'AbortError' })
  })

  check('keeps what was flushed when it is opened anew, and nothing of the rest is damaged', async under => {
    if (under.reopen === undefined) return
    const kept = Array.from({ length: 50 }, (_, seed) => sampleBlock(seed, 3000))
    const rest = Array.from({ length: 50 }, (_, seed) => sampleBlock(1000 + seed, 3000))
    for (const { cid, bytes } of kept) await under.blocks.put(cid, bytes)
    await under.blocks.flush()
    for (const { cid, bytes } of rest) await under.blocks.put(cid, bytes)
    const blocks = await under.reopen()
    for (const { cid, bytes } of kept) assert.deepEqual(Buffer.from(await blocks.get(cid)), Buffer.from(bytes))
    for (const { cid } of rest) {
      const found = await blocks.get(cid).catch((error: Failure) => error.kind)
      assert.ok(found === 'not-found' || found instanceof Uint8Array)
    }
  })
}
