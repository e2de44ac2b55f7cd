/** What a peer is answered, by https://specs.ipfs.tech/bitswap-protocol/: presence, priorities, limits, old versions. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { memoryBlocks } from '../../../repo/memory.ts'
import { keyOf } from './cid.ts'
import { BLOCK_BYTES_MAX, MESSAGE_BYTES_TARGET, WANTS_PER_PEER_MAX } from './limits.ts'
import { BitswapServer, type ServerOptions } from './server.ts'
import type { Sender } from './streams.ts'
import { BITSWAP_100, BITSWAP_110, BITSWAP_120, decodeMessage, type Message, type WantEntry } from './wire.ts'

const RAW = 0x55

async function blockOf(size: number, fill: number): Promise<{ cid: CID; bytes: Uint8Array }> {
  const bytes = new Uint8Array(size).fill(fill)
  new DataView(bytes.buffer).setUint16(0, fill)
  return { bytes, cid: CID.createV1(RAW, await sha256.digest(bytes)) }
}

function want(cid: CID, change: Partial<WantEntry> = {}): WantEntry {
  return { cid: cid.bytes, priority: 1, cancel: false, type: 'block', sendDontHave: true, ...change }
}

function message(entries: readonly WantEntry[], full = false): Message {
  return { full, entries, blocks: [], presences: [], pendingBytes: 0 }
}

/** The way to a peer: it takes messages when it is open. */
class Way {
  readonly messages: Message[] = []
  gate: Promise<void> = Promise.resolve()
  protocol = BITSWAP_120
  isClosed = false

  get supportsHave(): boolean {
    return this.protocol === BITSWAP_120
  }

  async open(): Promise<void> {
    await this.gate
  }

  async send(pieces: readonly Uint8Array[]): Promise<void> {
    await this.gate
    const all = Buffer.concat(pieces)
    this.messages.push(decodeMessage(all.subarray(all.findIndex(byte => byte < 0x80) + 1)))
  }

  close(): void {
    this.isClosed = true
  }

  get blocks(): number[] {
    return this.messages.flatMap(({ blocks }) => blocks.map(({ data }) => data.length))
  }

  get presences(): boolean[] {
    return this.messages.flatMap(({ presences }) => presences.map(({ has }) => has))
  }
}

function setUp(options: Partial<ServerOptions> = {}) {
  const blocks = memoryBlocks()
  const sent: number[] = []
  const server = new BitswapServer({ blocks, onSent: (_peer, cids) => void sent.push(cids.length), ...options })
  const way = new Way()
  const receive = async (entries: readonly WantEntry[], full = false): Promise<void> => {
    await server.receive('p', message(entries, full), () => way as unknown as Sender)
    await settled()
  }
  return { blocks, server, way, sent, receive }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve))
}

test('a block that is here is sent, one that is not is denied to whoever asked for that, and comes later', async () => {
  let told = 0
  const onOpenWants = (): void => {
    told += 1
  }
  const { blocks, server, way, sent, receive } = setUp({ onOpenWants })
  const [here, later] = [await blockOf(2_000, 1), await blockOf(3_000, 2)]
  await blocks.put(here.cid, here.bytes)
  await receive([want(here.cid)])
  assert.deepEqual([way.blocks, told], [[2_000], 0])
  await receive([want(later.cid)])
  assert.deepEqual([way.blocks, way.presences, told], [[2_000], [false], 1])
  assert.deepEqual(server.wantlist('p').map(String), [String(later.cid)])
  assert.equal(server.hasOpenWants, true)
  await blocks.put(later.cid, later.bytes)
  await server.offer([later.cid])
  await settled()
  assert.deepEqual(way.blocks, [2_000, 3_000])
  assert.equal(server.hasOpenWants, false)
  assert.deepEqual(sent, [1, 1])
  const silent = await blockOf(10, 3)
  await receive([want(silent.cid, { sendDontHave: false })])
  assert.equal(way.presences.length, 1)
  // Another process may have stored it.
  await blocks.put(silent.cid, silent.bytes)
  await server.lookAgain()
  await settled()
  assert.deepEqual(way.blocks, [2_000, 3_000, 10])
})

test('who asks whether a block is there hears so; a small one is sent at once', async () => {
  const { blocks, server, way, receive } = setUp()
  const [small, large, absent] = [await blockOf(1_024, 1), await blockOf(1_025, 2), await blockOf(5, 3)]
  for (const { cid, bytes } of [small, large]) await blocks.put(cid, bytes)
  await receive([small, large, absent].map(({ cid }) => want(cid, { type: 'have' })))
  assert.deepEqual(way.blocks, [1_024])
  assert.deepEqual(way.presences.sort(), [false, true])
  // Whoever heard HAVE asks for the block; only what is absent is still wanted.
  assert.deepEqual(server.wantlist('p').map(String), [String(absent.cid)])
})

test('a block that is wanted is not made less of by asking whether it is there', async () => {
  const { blocks, server, way, receive } = setUp()
  const { cid, bytes } = await blockOf(5_000, 1)
  await receive([want(cid), want(cid, { type: 'have' })])
  await blocks.put(cid, bytes)
  await server.offer([cid])
  await settled()
  assert.deepEqual(way.blocks, [5_000])
})

test('what has the highest priority is sent first, and small blocks travel together', async () => {
  const { blocks, way, receive } = setUp()
  const made = await Promise.all(Array.from({ length: 40 }, (_, at) => blockOf(1_000 + at, at)))
  for (const { cid, bytes } of made) await blocks.put(cid, bytes)
  await receive(made.map(({ cid }, at) => want(cid, { priority: at })))
  const expected = made.map(({ bytes }) => bytes.length).reverse()
  assert.deepEqual(way.blocks, expected)
  assert.ok(way.messages.length < 6)
  const sizes = way.messages.map(({ blocks: all }) => all.reduce((sum, { data }) => sum + data.length, 0))
  assert.ok(sizes.every(size => size <= MESSAGE_BYTES_TARGET))
})

test('what is cancelled, or replaced by a new list, is not sent', async () => {
  const { blocks, server, way, receive } = setUp()
  const made = await Promise.all(Array.from({ length: 6 }, (_, at) => blockOf(20_000 + at, at)))
  for (const { cid, bytes } of made) await blocks.put(cid, bytes)
  const open = Promise.withResolvers<void>()
  way.gate = open.promise
  const [a, b, c, d, e, f] = made.map(({ cid }) => cid)
  assert.ok(a && b && c && d && e && f)
  await receive([want(a, { priority: 9 }), want(b), want(c)])
  await receive([want(b, { cancel: true })])
  await receive([want(f, { cancel: true })])
  assert.deepEqual(new Set(server.wantlist('p').map(keyOf)), new Set([a, c].map(keyOf)))
  await receive([want(d), want(e)], true)
  open.resolve()
  await settled()
  assert.deepEqual(way.blocks, [20_003, 20_004])
  assert.equal(server.wantlist('p').length, 0)
})

test('the same want twice is answered once; asked again after the answer, again', async () => {
  const { blocks, way, receive } = setUp()
  const { cid, bytes } = await blockOf(9_000, 1)
  await blocks.put(cid, bytes)
  const open = Promise.withResolvers<void>()
  way.gate = open.promise
  await receive([want(cid), want(cid)])
  await receive([want(cid)])
  open.resolve()
  await settled()
  assert.deepEqual(way.blocks, [9_000])
  await receive([want(cid)])
  assert.deepEqual(way.blocks, [9_000, 9_000])
})

test('so many wants of a peer are remembered, and no more; others are denied all the same', async () => {
  const { server, way, receive } = setUp()
  const many = await Promise.all(Array.from({ length: WANTS_PER_PEER_MAX + 200 }, (_, at) => blockOf(8, at)))
  await receive(many.map(({ cid }) => want(cid)))
  assert.equal(server.wantlist('p').length, WANTS_PER_PEER_MAX)
  assert.equal(way.presences.length, many.length)
  const quiet = await Promise.all(Array.from({ length: 50 }, (_, at) => blockOf(9, at)))
  await receive(quiet.map(({ cid }) => want(cid, { sendDontHave: false })))
  assert.equal(server.wantlist('p').length, WANTS_PER_PEER_MAX)
  assert.equal(way.presences.length, many.length)
  await receive([], true)
  assert.equal(server.wantlist('p').length, 0)
})

test('answers that a peer does not take are bounded, however often it asks', async () => {
  const { server, way, receive } = setUp()
  const open = Promise.withResolvers<void>()
  way.gate = open.promise
  for (let round = 0; round < 6; round++) {
    const many = await Promise.all(Array.from({ length: 1_000 }, (_, at) => blockOf(8 + round, at)))
    await receive(many.map(({ cid }) => want(cid)))
  }
  assert.equal(server.wantlist('p').length, WANTS_PER_PEER_MAX)
  open.resolve()
  await settled()
  assert.ok(way.presences.length <= 4 * WANTS_PER_PEER_MAX + 1_000, `${way.presences.length} answers`)
})

test('what others may not have, what is too large, and what was removed meanwhile is denied', async () => {
  const hidden = await blockOf(100, 1)
  const large = await blockOf(BLOCK_BYTES_MAX + 1, 2)
  const gone = await blockOf(5_000, 3)
  const { blocks, way, sent, receive } = setUp({ mayServe: cid => !cid.equals(hidden.cid) })
  for (const { cid, bytes } of [hidden, large, gone]) await blocks.put(cid, bytes)
  const open = Promise.withResolvers<void>()
  way.gate = open.promise
  await receive([hidden, large, gone].map(({ cid }) => want(cid)))
  await blocks.delete(gone.cid)
  open.resolve()
  await settled()
  assert.deepEqual([way.blocks, way.presences], [[], [false, false, false]])
  assert.deepEqual(sent, [])
})

test('to an old peer nothing is denied, and blocks of the oldest have no prefix', async () => {
  for (const protocol of [BITSWAP_110, BITSWAP_100]) {
    const { blocks, way, receive } = setUp()
    way.protocol = protocol
    const [here, absent] = [await blockOf(5_000, 1), await blockOf(10, 2)]
    await blocks.put(here.cid, here.bytes)
    await receive([want(absent.cid), want(here.cid, { type: 'have' })])
    assert.deepEqual([way.blocks, way.presences], [[5_000], []])
    const prefix = way.messages[0]?.blocks[0]?.prefix
    assert.equal(prefix === undefined, protocol === BITSWAP_100)
  }
})

test('a peer that leaves is forgotten with all that it wanted, and what is being sent stops', async () => {
  const { blocks, server, way, receive } = setUp()
  const made = await Promise.all(Array.from({ length: 30 }, (_, at) => blockOf(40_000, at)))
  for (const { cid, bytes } of made) await blocks.put(cid, bytes)
  const open = Promise.withResolvers<void>()
  way.gate = open.promise
  await receive(made.map(({ cid }) => want(cid)))
  server.disconnected('p')
  server.disconnected('p')
  open.resolve()
  await settled()
  assert.equal(way.isClosed, true)
  assert.ok(way.blocks.length <= 1)
  assert.deepEqual(server.wantlist('p'), [])
  await server.offer(made.map(({ cid }) => cid))
  assert.equal(server.hasOpenWants, false)
})
