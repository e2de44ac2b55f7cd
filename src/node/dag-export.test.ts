import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CID } from 'multiformats/cid'
import { memoryBlocks } from '../repo/memory.ts'
import { openCar } from './car-reader.ts'
import { encodeNode } from './codecs.ts'
import { exportCar } from './dag-export.ts'
import { digest, IDENTITY, SHA2_256 } from './hash.ts'

const RAW = 0x55
const DAG_CBOR = 0x71

test('a partial export has neither blocks that stand in their CIDs nor the same bytes twice', async () => {
  const blocks = memoryBlocks()
  const bytes = Buffer.from('0123456789')
  const leaf = CID.createV1(RAW, await digest(SHA2_256, bytes))
  const inline = CID.createV1(RAW, await digest(IDENTITY, bytes))
  const missing = CID.createV1(RAW, await digest(SHA2_256, Buffer.from('nowhere')))
  const number = await encodeNode(DAG_CBOR, 5n)
  const five = CID.createV1(DAG_CBOR, await digest(SHA2_256, number))
  const rawFive = CID.createV1(RAW, five.multihash)
  const node = await encodeNode(DAG_CBOR, [inline, leaf, missing, five, rawFive])
  const root = CID.createV1(DAG_CBOR, await digest(SHA2_256, node))
  for (const [cid, value] of [
    [leaf, bytes],
    [five, number],
    [root, node],
  ] as const) {
    await blocks.put(cid, value)
  }
  const car = await openCar(exportCar(blocks, root, { partial: true }))
  const found: string[] = []
  for await (const { cid } of car.blocks()) found.push(String(cid))
  assert.deepEqual(found, [root, leaf, five].map(String))
})
