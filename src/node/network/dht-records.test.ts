import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Libp2pRecord } from '@libp2p/record'
import { Key } from 'interface-datastore'
import { varint } from 'multiformats'
import { base32 } from 'multiformats/bases/base32'
import { generateKey, peerIdBytes } from '../../repo/keys.ts'
import { routingKey } from '../ipns/name.ts'
import { createRecord } from '../ipns/record.ts'
import { DhtRecords } from './dht-records.ts'

const HOUR_MS = 3_600_000

/** Values in memory, as a repo has them. */
class MemoryValues {
  readonly pairs = new Map<string, Uint8Array>()

  async *list(prefix: string) {
    for (const [key, value] of this.pairs) if (key.startsWith(prefix)) yield { key, value }
  }

  async batch(changes: ReadonlyMap<string, Uint8Array | undefined>): Promise<void> {
    for (const [key, value] of changes) {
      if (value === undefined) this.pairs.delete(key)
      else this.pairs.set(key, value)
    }
  }
}

function timeBytes(ms: number): Uint8Array {
  const bytes: number[] = []
  let rest = ms
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Uint8Array.from([...bytes, rest])
}

async function names(records: DhtRecords, prefix: string): Promise<string[]> {
  const pairs = await Array.fromAsync(records.query({ prefix }))
  return pairs.map(({ key }) => key.toString())
}

test('records are found by their folder, survive a restart, and end after 48 hours', async () => {
  const values = new MemoryValues()
  const first = new DhtRecords(values)
  await first.start()
  const now = Date.now()
  await first.put(new Key('/dht/lan/provider/hash/one'), timeBytes(now))
  await first.put(new Key('/dht/lan/provider/hash/two'), timeBytes(now - 47 * HOUR_MS))
  await first.put(new Key('/dht/lan/provider/hash/old'), timeBytes(now - 49 * HOUR_MS))
  await first.put(new Key('/dht/lan/provider/other/one'), timeBytes(now))
  assert.equal((await names(first, '/dht/lan/provider/hash')).length, 3)
  await first.stop()

  const second = new DhtRecords(values)
  await second.start()
  assert.deepEqual(await names(second, '/dht/lan/provider/hash'), [
    '/dht/lan/provider/hash/one',
    '/dht/lan/provider/hash/two',
  ])
  assert.equal((await names(second, '/dht/lan/provider')).length, 3)
  await second.delete(new Key('/dht/lan/provider/hash/one'))
  await second.stop()
  assert.deepEqual([...values.pairs.keys()].sort(), ['/dht/lan/provider/hash/two', '/dht/lan/provider/other/one'])
})

test('an older IPNS record does not replace a newer one', async () => {
  const records = new DhtRecords(undefined)
  const signer = await generateKey('ed25519')
  const name = peerIdBytes(signer.publicKey)
  const at = new Key('/dht/lan/record/name')
  const store = async (sequence: bigint): Promise<void> => {
    const facts = { value: '/ipfs/bafkqaaa', sequence, validUntilMs: Date.now() + HOUR_MS, ttlMs: 0, v1compat: true }
    const { bytes } = await createRecord(signer, facts)
    await records.put(at, Uint8Array.from(new Libp2pRecord(routingKey(name), bytes, new Date()).serialize()))
  }
  await store(5n)
  const five = await records.get(at)
  await store(4n)
  assert.deepEqual(await records.get(at), five)
  await store(6n)
  assert.notDeepEqual(await records.get(at), five)
})

test('what does not fit is not kept, and what is kept can be renewed', async () => {
  const records = new DhtRecords(undefined)
  const megabyte = new Uint8Array(1024 * 1024)
  for (let n = 0; n < 40; n += 1) await records.put(new Key(`/dht/wan/record/${n}`), megabyte)
  assert.ok(records.bytes <= 32 * 1024 * 1024)
  assert.equal(await records.has(new Key('/dht/wan/record/0')), true)
  assert.equal(await records.has(new Key('/dht/wan/record/39')), false)
  await records.put(new Key('/dht/wan/record/0'), new Uint8Array(1))
  assert.equal((await records.get(new Key('/dht/wan/record/0'))).length, 1)
  await assert.rejects(records.get(new Key('/dht/wan/record/39')), { name: 'NotFoundError' })
})

test('of a provider the first time is kept beside the last one, until it was gone', async () => {
  const values = new MemoryValues()
  const records = new DhtRecords(values)
  await records.start()
  const hash = Uint8Array.of(1, 2, 3)
  const key = (peer: string): Key => new Key(`/dht/lan/provider/${base32.baseEncode(hash)}/${peer}`)
  const now = Date.now()
  for (const hours of [40, 20, 1]) await records.put(key('one'), timeBytes(now - hours * HOUR_MS))
  const times = { first: now - 40 * HOUR_MS, last: now - HOUR_MS }
  assert.deepEqual(records.provided('lan', hash, 'one'), times)
  assert.equal(records.provided('wan', hash, 'one'), undefined)
  await records.stop()
  const later = new DhtRecords(values)
  await later.start()
  assert.deepEqual(later.provided('lan', hash, 'one'), times)
  // The DHT reads the time in front.
  assert.equal(varint.decode(await later.get(key('one')))[0], times.last)

  await later.put(key('two'), timeBytes(now - 50 * HOUR_MS))
  await later.put(key('two'), timeBytes(now))
  assert.deepEqual(later.provided('lan', hash, 'two'), { first: now, last: now })
  await later.stop()
})
