/** Blocks from peers are checked, counted and, when nobody asked for them, dropped; whoever sends too many is let go. */
import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import type { Connection, Stream } from '@libp2p/interface'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { memoryBlocks } from '../../../repo/memory.ts'
import { Bitswap } from './bitswap.ts'
import { prefixOf } from './cid.ts'
import { BLOCK_BYTES_MAX } from './limits.ts'
import type { Session } from './session.ts'
import { BITSWAP_120, encodeReply, encodeWants, type WireBlock } from './wire.ts'

const RAW = 0x55
const MIB = 1024 * 1024

async function blockOf(text: string, size = text.length): Promise<{ cid: CID; data: Uint8Array }> {
  const data = new Uint8Array(size)
  data.set(new TextEncoder().encode(text))
  return { data, cid: CID.createV1(RAW, await sha256.digest(data)) }
}

/** The part of a stream that is used here. What is written to it is dropped. */
class Wire extends EventTarget {
  readonly protocol = BITSWAP_120
  readonly readStatus = 'readable'
  readonly writeStatus = 'writable'
  readonly remoteWriteStatus = 'writable'
  readonly writeBufferLength = 0
  abortedWith: Error | undefined

  say(bytes: Uint8Array): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data: bytes }))
  }

  send(): boolean {
    return true
  }

  pause(): void {}
  resume(): void {}
  async close(): Promise<void> {}

  abort(error: Error): void {
    this.abortedWith = error
  }
}

const sessions: Session[] = []
afterEach(() => {
  for (const each of sessions.splice(0)) each.close()
})

function setUp(peers: readonly string[]) {
  const aborted: string[] = []
  const connection = (peer: string): Connection =>
    ({
      newStream: async () => new Wire(),
      abort: () => void aborted.push(peer),
    }) as unknown as Connection
  const blocks = memoryBlocks()
  const bitswap = new Bitswap({ blocks, serves: true, connectionTo: connection })
  const wires = new Map<string, Wire>()
  for (const peer of peers) {
    const wire = new Wire()
    wires.set(peer, wire)
    bitswap.connected(peer)
    bitswap.accept(wire as unknown as Stream, peer)
  }
  const giveUp = (): Error => new Error('given up')
  const session = bitswap.newSession({ giveUp, lookupTimeoutMs: 1e9, stallTimeoutMs: 1e9 })
  sessions.push(session)
  return {
    bitswap,
    blocks,
    session,
    aborted,
    wire: (peer: string): Wire => wires.get(peer) ?? assert.fail(peer),
    gives: async (peer: string, ...all: WireBlock[]): Promise<void> => {
      const pieces = encodeReply({ blocks: all, presences: [], pendingBytes: 0 })
      wires.get(peer)?.say(Uint8Array.from(Buffer.concat(pieces)))
      await settled()
    },
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await new Promise(resolve => setImmediate(resolve))
}

test('a block that was asked for is stored, handed on and counted, with the peer that sent it', async () => {
  const { bitswap, blocks, session, gives } = setUp(['p', 'q'])
  const { cid, data } = await blockOf('hello')
  const got = session.want(cid)
  await gives('p', { prefix: prefixOf(cid), data })
  assert.deepEqual(await got, data)
  assert.deepEqual(await blocks.get(cid), data)
  const { blocksReceived, dataReceived, duplicateBlocks, messagesReceived, wantlist } = bitswap.stat()
  assert.deepEqual([blocksReceived, dataReceived, duplicateBlocks, messagesReceived], [1, 5, 0, 1])
  assert.deepEqual(wantlist, [])
  assert.deepEqual(bitswap.ledger('p'), { peer: 'p', sent: 0, received: 5, exchanged: 1, value: 0 })
  assert.deepEqual(bitswap.ledger('q'), { peer: 'q', sent: 0, received: 0, exchanged: 0, value: 0 })
  assert.ok(bitswap.transferredAt > 0)
})

test('what a liar sends under another name is a block that nobody asked for', async () => {
  const { bitswap, blocks, session, gives } = setUp(['liar', 'friend'])
  const [wanted, other] = [await blockOf('wanted'), await blockOf('something else')]
  let isThere = false
  const got = session.want(wanted.cid).then(bytes => {
    isThere = true
    return bytes
  })
  // The name is made of the bytes: what is said of it beside says no more than the hash function.
  await gives('liar', { prefix: prefixOf(wanted.cid), data: other.data })
  assert.equal(isThere, false)
  assert.equal(await blocks.has(other.cid), false)
  assert.equal(bitswap.stat().duplicateBlocks, 1)
  await gives('friend', { prefix: prefixOf(wanted.cid), data: wanted.data })
  assert.deepEqual(await got, wanted.data)
})

test('hashes that are too weak, too short or unknown, and blocks that are too large, are not even hashed', async () => {
  const { bitswap, session, gives } = setUp(['p'])
  const { cid, data } = await blockOf('x')
  session.want(cid).catch(() => undefined)
  const prefixes = [
    [1, RAW, 0x00, 1],
    [1, RAW, 0x12, 4],
    [1, RAW, 0x12, 200],
    [1, RAW, 0xd5, 16],
    [1, RAW, 0xff, 0x7f, 32],
    [7, RAW, 0x12, 32],
    [1],
    [],
  ]
  await gives('p', ...prefixes.map(bytes => ({ prefix: Uint8Array.from(bytes), data })))
  await gives('p', { prefix: prefixOf(cid), data: new Uint8Array(BLOCK_BYTES_MAX + 1) })
  assert.equal(bitswap.stat().blocksReceived, 0)
  assert.equal(bitswap.stat().wantlist.length, 1)
})

test('the same block from two peers is one block and a duplicate', async () => {
  const { bitswap, session, gives } = setUp(['p', 'q'])
  const { cid, data } = await blockOf('twice')
  const got = session.want(cid)
  const block = { prefix: prefixOf(cid), data }
  await gives('p', block)
  await gives('q', block, block)
  await got
  const { blocksReceived, duplicateBlocks, duplicateData } = bitswap.stat()
  assert.deepEqual([blocksReceived, duplicateBlocks, duplicateData], [3, 2, 10])
})

test('a peer that sends too much that nobody asked for is let go; one that sends as much that was asked for is not', async () => {
  const { session, aborted, gives } = setUp(['useless', 'useful'])
  for (let at = 0; at < 70 && aborted.length === 0; at++) {
    const { cid, data } = await blockOf(`useful ${at}`, MIB)
    const got = session.want(cid)
    await gives('useful', { prefix: prefixOf(cid), data })
    await got
    const other = await blockOf(`useless ${at}`, 2 * MIB)
    await gives('useless', { prefix: prefixOf(other.cid), data: other.data })
  }
  assert.equal(aborted[0], 'useless')
  assert.ok(!aborted.includes('useful'))
})

test('what is no message ends its stream, and nothing else', async () => {
  const { bitswap, session, wire, gives, aborted } = setUp(['p', 'q'])
  wire('p').say(Uint8Array.from([5, 0xff, 0xff, 0xff, 0xff, 0xff]))
  assert.match(String(wire('p').abortedWith), /cut short/)
  assert.deepEqual(aborted, [])
  const { cid, data } = await blockOf('after all')
  const got = session.want(cid)
  await gives('q', { prefix: prefixOf(cid), data })
  await got
  assert.deepEqual(bitswap.stat().peers, ['p', 'q'])
})

test('what is sent is in the ledger of the peer, and told to whoever watches', async () => {
  const { bitswap, blocks, wire } = setUp(['p'])
  const { cid, data } = await blockOf('served', 3_000)
  await blocks.put(cid, data)
  const seen: string[] = []
  const watcher = bitswap.watch({
    sent: (peer, cids) => void seen.push(`${peer} ${cids.map(String)}`),
    gone: peer => void seen.push(`${peer} gone`),
  })
  const entry = { cid: cid.bytes, priority: 1, cancel: false, type: 'block', sendDontHave: true } as const
  wire('p').say(encodeWants([entry], true))
  await settled()
  assert.deepEqual(bitswap.ledger('p'), { peer: 'p', sent: 3_000, received: 0, exchanged: 2, value: 3_000 })
  assert.deepEqual(bitswap.wantlist('p'), [])
  bitswap.disconnected('p')
  assert.deepEqual(seen, [`p ${cid}`, 'p gone'])
  watcher[Symbol.dispose]()
  bitswap.disconnected('p')
  assert.equal(seen.length, 2)
  // It is remembered when the peer comes back.
  assert.equal(bitswap.ledger('p').sent, 3_000)
})

test('one peer is asked by itself: it has a block, it has none, or it goes away', async () => {
  const { bitswap, gives, wire } = setUp(['p', 'q'])
  const { cid, data } = await blockOf('asked')
  const has = bitswap.ask('p', cid)
  await settled()
  await gives('p', { prefix: prefixOf(cid), data })
  assert.deepEqual({ ...(await has), firstByteMs: 0 }, { has: true, bytes: 5, firstByteMs: 0 })
  const denied = bitswap.ask('p', cid)
  await settled()
  const presences = [{ cid: cid.bytes, has: false }]
  wire('p').say(Buffer.concat(encodeReply({ blocks: [], presences, pendingBytes: 0 })))
  assert.equal((await denied).has, false)
  const gone = assert.rejects(bitswap.ask('q', cid), /went away/)
  await settled()
  bitswap.disconnected('q')
  await gone
  await assert.rejects(bitswap.ask('nobody', cid), /no Bitswap/)
  await assert.rejects(bitswap.ask('p', cid, { signal: AbortSignal.abort(new Error('enough')) }), /enough/)
})
