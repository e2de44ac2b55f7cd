import assert from 'node:assert/strict'
import test from 'node:test'
import { CID } from 'multiformats/cid'
import { checkBlock, digest, hashCode } from './hash.ts'

const RAW = 0x55
const bytes = new TextEncoder().encode('{"a":1}')

async function cidText(name: string, length?: number): Promise<string> {
  return CID.createV1(RAW, await digest(hashCode(name), bytes, length)).toString()
}

test('blake3 makes digests of up to 128 bytes, as Kubo 0.44 does', async () => {
  assert.match(await cidText('blake3', 33), /^bafkr4iovtnswfv6jweq3zf3aq46xq6eq55gufgvngotqwqc3v/)
  const long = CID.parse(await cidText('blake3', 128))
  assert.equal(long.multihash.size, 128)
  await checkBlock(long, bytes)
  await assert.rejects(async () => await digest(hashCode('blake3'), bytes, 129), /gives 32 bytes/)
})

test('an identity digest is the bytes, whatever length is asked for', async () => {
  assert.equal(await cidText('identity', 1), 'bafkqab33ejqseorrpu')
})

test('functions that Kubo only reads are refused for new blocks', async () => {
  for (const name of ['keccak-224', 'keccak-384', 'blake2s-160', 'murmur3']) {
    assert.throws(() => hashCode(name), /unrecognized hash function/, name)
  }
  assert.equal(hashCode('sha3'), hashCode('sha3-512'))
  await digest(0x1a, bytes)
})
