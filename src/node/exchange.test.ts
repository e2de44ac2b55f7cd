import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CID } from 'multiformats/cid'
import { blocksSuite, cidOf, sampleBlock } from '../repo/blocks.suite.ts'
import { memoryBlocks } from '../repo/memory.ts'
import type { Block, Waiting } from '../repo/roles.ts'
import { type Exchange, NobodyToAsk, withExchange, withoutExchange } from './exchange.ts'

/** Has some blocks, and answers when it is told to; counts what was asked. */
class SlowExchange implements Exchange {
  readonly asked: CID[] = []
  flushes = 0
  waiting = 0
  waitingMax = 0
  aborted = 0
  readonly #blocks: ReadonlyMap<string, Uint8Array>

  constructor(blocks: readonly Block[]) {
    this.#blocks = new Map(blocks.map(({ cid, bytes }) => [cid.toString(), bytes]))
  }

  async get(cid: CID, { signal }: Waiting = {}): Promise<Uint8Array> {
    this.asked.push(cid)
    this.waiting += 1
    this.waitingMax = Math.max(this.waitingMax, this.waiting)
    await new Promise<void>(resolve => setImmediate(resolve))
    this.waiting -= 1
    if (signal?.aborted === true) this.aborted += 1
    signal?.throwIfAborted()
    const bytes = this.#blocks.get(cid.toString())
    return bytes ?? (await new NobodyToAsk('none').get(cid))
  }

  async flush(): Promise<void> {
    this.flushes += 1
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing was opened.
  }
}

const samples = (count: number): Block[] => Array.from({ length: count }, (_, seed) => sampleBlock(seed))

blocksSuite('withExchange', async () => ({
  blocks: withoutExchange(memoryBlocks(), 'none'),
  async [Symbol.asyncDispose]() {
    // Memory is not closed.
  },
}))

test('asks the exchange for what is not here only, and opens it once', async () => {
  const [here, there, other] = samples(3)
  assert.ok(here && there && other)
  const local = memoryBlocks()
  await local.put(here.cid, here.bytes)
  const exchange = new SlowExchange([there, other])
  let opened = 0
  const blocks = withExchange(local, async () => {
    opened += 1
    return exchange
  })
  assert.deepEqual(await blocks.get(here.cid), here.bytes)
  assert.equal(opened, 0)
  await blocks.flush()
  assert.equal(exchange.flushes, 0)
  assert.deepEqual(await Promise.all([blocks.get(there.cid), blocks.get(other.cid)]), [there.bytes, other.bytes])
  assert.equal(opened, 1)
  assert.equal(await blocks.has(there.cid), false)
  assert.equal(await blocks.stat(there.cid), undefined)
  await blocks.flush()
  assert.equal(exchange.flushes, 1)
})

test('yields blocks in order, from here and from there, and asks for many at a time', async () => {
  const all = samples(2000)
  const local = memoryBlocks()
  for (const [nth, { cid, bytes }] of all.entries())
    if (nth < 700 ? nth % 50 > 0 : nth % 3 === 0) await local.put(cid, bytes)
  const exchange = new SlowExchange(all)
  const blocks = withExchange(local, async () => exchange)
  for (const source of [all.map(({ cid }) => cid), asynchronous(all)]) {
    const got = await Array.fromAsync(blocks.getMany(source))
    assert.deepEqual(got, all)
  }
  assert.ok(exchange.waitingMax > 50 && exchange.waitingMax <= 512, `${exchange.waitingMax} at a time`)
})

test('holds few large blocks ahead', async () => {
  const all = samples(300).map(({ bytes }) => {
    const large = new Uint8Array(1024 * 1024)
    large.set(bytes)
    return { cid: cidOf(large), bytes: large }
  })
  const exchange = new SlowExchange(all)
  const blocks = withExchange(memoryBlocks(), async () => exchange)
  let count = 0
  for await (const block of blocks.getMany(all.map(({ cid }) => cid))) {
    assert.equal(block.bytes.length, 1024 * 1024)
    count += 1
    await new Promise<void>(resolve => setImmediate(resolve))
    if (count === 100) break
  }
  assert.ok(exchange.asked.length < 200, `${exchange.asked.length} were asked for`)
})

test('takes back what it asked for when nobody waits any longer, and closes the source', async () => {
  const all = samples(500)
  const exchange = new SlowExchange(all)
  const blocks = withExchange(memoryBlocks(), async () => exchange)
  let isClosed = false
  const source = (async function* () {
    try {
      for (const { cid } of all) yield cid
    } finally {
      isClosed = true
    }
  })()
  for await (const { cid } of blocks.getMany(source)) {
    assert.deepEqual(cid, all[0]?.cid)
    break
  }
  await new Promise<void>(resolve => setImmediate(resolve))
  assert.equal(exchange.waiting, 0)
  assert.ok(isClosed)
})

test('fails in its turn when a block is nowhere, with the reason as the hint', async () => {
  const all = samples(40)
  const exchange = new SlowExchange(all.slice(0, 30))
  const blocks = withExchange(memoryBlocks(), async () => exchange)
  const got: Block[] = []
  await assert.rejects(
    async () => {
      for await (const block of blocks.getMany(all.map(({ cid }) => cid))) got.push(block)
    },
    { kind: 'not-found', hint: 'none' },
  )
  assert.equal(got.length, 30)
})

test('a failure of the source arrives after the blocks before it', async () => {
  const all = samples(200)
  const blocks = withExchange(memoryBlocks(), async () => new SlowExchange(all))
  const source = (async function* () {
    for (const { cid } of all) yield cid
    throw new RangeError('broken')
  })()
  let count = 0
  await assert.rejects(async () => {
    for await (const _ of blocks.getMany(source)) count += 1
  }, RangeError)
  assert.equal(count, 200)
})

test('opens the exchange anew when that failed', async () => {
  const [block] = samples(1)
  assert.ok(block)
  let attempts = 0
  const blocks = withExchange(memoryBlocks(), async () => {
    attempts += 1
    if (attempts === 1) throw new RangeError('not yet')
    return new SlowExchange([block])
  })
  await assert.rejects(blocks.get(block.cid), RangeError)
  assert.deepEqual(await blocks.get(block.cid), block.bytes)
})

async function* asynchronous(all: readonly Block[]): AsyncIterable<CID> {
  for (const [nth, { cid }] of all.entries()) {
    if (nth % 100 === 0) await new Promise<void>(resolve => setImmediate(resolve))
    yield cid
  }
}
