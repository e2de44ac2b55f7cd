import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { test } from 'node:test'
import type { CID } from 'multiformats/cid'
import { cidOf, sampleBlock } from '../../repo/blocks.suite.ts'
import type { Block } from '../../repo/roles.ts'
import { encodeCarHeader, encodeVarint } from '../car.ts'
import { encodeDagPb } from '../dag-pb.ts'
import { checkBlock } from '../hash.ts'
import { TestGateway } from './gateway.suite.ts'
import { Gateways } from './gateways.ts'

const CAR = 'application/vnd.ipld.car'
const DAG_PB = 0x70
const LEAF_BYTES = 100_000

function nodeOf(children: readonly Block[]): Block {
  const links = children.map(({ cid, bytes }) => ({ name: '', cid, size: bytes.length }))
  const bytes = encodeDagPb({ links })
  return { cid: cidOf(bytes, DAG_PB), bytes }
}

function leafOf(seed: number): Block {
  const bytes = Buffer.alloc(LEAF_BYTES, `leaf ${seed}`)
  return { cid: cidOf(bytes), bytes }
}

/** Two levels above leaves. */
function dagOf(count: number): { root: Block; all: Block[] } {
  const groups = Array.from({ length: count }, (_, nth) => {
    const leaves = Array.from({ length: 10 }, (_leaf, at) => leafOf(nth * 10 + at))
    return { node: nodeOf(leaves), leaves }
  })
  const root = nodeOf(groups.map(({ node }) => node))
  return { root, all: [root, ...groups.flatMap(({ node, leaves }) => [node, ...leaves])] }
}

function sectionOf({ cid, bytes }: Block): Buffer {
  return Buffer.concat([encodeVarint(cid.bytes.length + bytes.length), cid.bytes, bytes])
}

async function sendCar(response: ServerResponse, blocks: Iterable<Block>): Promise<void> {
  response.setHeader('Content-Type', `${CAR}; version=1`)
  response.write(encodeCarHeader([sampleBlock(0).cid]))
  const closed = once(response, 'close')
  for (const block of blocks) {
    if (response.destroyed) return
    if (!response.write(sectionOf(block))) {
      await Promise.race([once(response, 'drain'), closed])
    }
  }
  response.end()
}

/** Answers for single blocks as it should, and for CARs as it is told. */
function gatewayOf(
  all: readonly Block[],
  answerCar: (response: ServerResponse, request: IncomingMessage) => void | Promise<void>,
): Promise<TestGateway> {
  const byPath = new Map(all.map(({ cid, bytes }) => [`/ipfs/${cid}?format=raw`, bytes]))
  return TestGateway.start(async (request, response) => {
    const bytes = byPath.get(request.url ?? '')
    if (bytes !== undefined) response.end(bytes)
    else if (request.url?.includes('format=car')) await answerCar(response, request)
    else response.writeHead(404).end()
  })
}

async function fetchAll(gateways: Gateways, all: readonly Block[]): Promise<void> {
  const get = async ({ cid, bytes }: Block): Promise<void> => {
    assert.ok(Buffer.from(await gateways.get(cid)).equals(bytes), String(cid))
  }
  // As a reader does: the root, then inner nodes, and the leaves of each at once.
  const leaves: Block[] = []
  for (const block of all) {
    if (block.cid.code !== DAG_PB) {
      leaves.push(block)
      continue
    }
    await Promise.all(leaves.splice(0).map(get))
    await get(block)
  }
  await Promise.all(leaves.map(get))
}

function at(gateway: TestGateway, requestTimeoutMs = 10_000): Gateways {
  return new Gateways({ urls: [gateway.url], requestTimeoutMs, check: checkBlock })
}

const { root, all } = dagOf(8)
const isRaw = (url: string): boolean => url.includes('format=raw')

test('takes a whole DAG with one request, in whatever order it is sent', async () => {
  const near = all.map((block, nth) => ({ block, at: nth + (nth % 7) * 3 })).sort((a, b) => a.at - b.at)
  const orders: Block[][] = [
    all,
    near.map(({ block }) => block),
    all.flatMap((block, nth) => (nth < 20 ? [block, block] : [block])),
  ]
  for (const order of orders) {
    await using gateway = await gatewayOf(all, response => sendCar(response, order))
    const gateways = at(gateway)
    await fetchAll(gateways, all)
    gateways.close()
    assert.deepEqual(gateway.asked, [`/ipfs/${root.cid}?format=car&dag-scope=entity&car-order=dfs&car-dups=n`])
  }
})

test('goes on block by block when the CAR lies, is cut, is none, or is refused', async () => {
  const wrong = { cid: all[5]?.cid as CID, bytes: Buffer.from('a lie') }
  const answers: ((response: ServerResponse) => void | Promise<void>)[] = [
    response =>
      sendCar(
        response,
        all.map((block, nth) => (nth === 5 ? wrong : block)),
      ),
    async response => {
      response.setHeader('Content-Type', CAR)
      response.write(encodeCarHeader([root.cid]))
      for (const block of all.slice(0, 40)) response.write(sectionOf(block))
      response.write(sectionOf(root).subarray(0, 20), () => response.destroy())
    },
    response => void response.setHeader('Content-Type', CAR).end('this is no CAR'),
    response => void response.setHeader('Content-Type', 'text/html').end('<html>'),
    response => void response.writeHead(406).end(),
    response => void response.writeHead(404).end(),
    response => sendCar(response, []),
    response => sendCar(response, [root]),
  ]
  for (const answer of answers) {
    await using gateway = await gatewayOf(all, answer)
    await fetchAll(at(gateway), all)
    assert.ok(gateway.asked.some(isRaw))
  }
})

test('a gateway that sends what nobody asked for, or nothing at all, is asked for single blocks', async () => {
  let sent = 0
  function* endless(): Generator<Block> {
    yield root
    for (let seed = 1_000_000; ; seed++) {
      sent += 1
      yield leafOf(seed)
    }
  }
  await using flood = await gatewayOf(all, response => sendCar(response, endless()))
  await fetchAll(at(flood), all)
  assert.ok(sent < 1_000, `${sent} blocks were taken`)
  await using silent = await gatewayOf(all, response => void response.setHeader('Content-Type', CAR).flushHeaders())
  await fetchAll(at(silent, 300), all.slice(0, 30))
  assert.ok(silent.asked.filter(url => !isRaw(url)).length === 1, 'it is not asked for a CAR again')
})

test('reads no further than somebody wants, and gives up when nobody does', async () => {
  const { root, all } = dagOf(30)
  let sent = 0
  function* counted(): Generator<Block> {
    for (const block of all) {
      sent += 1
      yield block
    }
  }
  const closed = Promise.withResolvers<void>()
  await using gateway = await gatewayOf(all, (response, request) => {
    request.once('close', () => closed.resolve())
    return sendCar(response, counted())
  })
  const gateways = at(gateway, 1_000)
  await gateways.get(root.cid)
  await closed.promise
  // What is held here, and what the buffers of the connection hold.
  assert.ok(sent < 300, `${sent} of ${all.length} blocks were read`)
  // All of it can be had all the same.
  await fetchAll(gateways, all)
  gateways.close()
})
