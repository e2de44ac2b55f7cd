import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { CID } from 'multiformats/cid'
import { sampleBlock } from '../../repo/blocks.suite.ts'
import { type KeyspaceNetwork, RegionalProvider } from './regional-provider.ts'
import {
  compareDistance,
  exploreRegion,
  fractionOf,
  keepersOf,
  type Neighbour,
  placeOf,
  prefixText,
  sharedBits,
} from './regions.ts'
import { Sweep, type SweepOptions } from './sweep.ts'

const K = 20

/** So many peers, and a lookup that finds the closest. */
class TestNetwork implements KeyspaceNetwork<string> {
  readonly name = 'test'
  readonly replication = K
  readonly peers: Neighbour<string>[]
  readonly records = new Map<string, Set<string>>()
  lookups = 0
  fails = false

  constructor(count: number) {
    this.peers = Array.from({ length: count }, (_, nth) => {
      const id = `peer ${nth}`
      return { id, peer: id, place: createHash('sha256').update(id).digest() }
    })
  }

  isEmpty(): boolean {
    return this.peers.length === 0
  }

  closest(place: Uint8Array): Neighbour<string>[] {
    return this.peers.toSorted((one, other) => compareDistance(place, one.place, other.place)).slice(0, K)
  }

  lookup = async (name: Uint8Array): Promise<readonly Neighbour<string>[]> => {
    this.lookups += 1
    if (this.fails) throw new Error('nobody is there')
    return this.closest(placeOf(name))
  }

  async send(peer: string, cids: readonly CID[]): Promise<number> {
    for (const cid of cids) {
      const holders = this.records.get(String(cid)) ?? new Set()
      this.records.set(String(cid), holders.add(peer))
    }
    return cids.length
  }

  async announced(): Promise<void> {
    // Nothing is kept of it here.
  }
}

const CIDS = Array.from({ length: 1_500 }, (_, seed) => sampleBlock(seed, 10).cid)

class TestValues {
  readonly map = new Map<string, Uint8Array>()
  get = async (key: string): Promise<Uint8Array | undefined> => this.map.get(key)
  put = async (key: string, value: Uint8Array): Promise<void> => void this.map.set(key, value)
}

function optionsOf(values: TestValues, intervalMs: number, changes: Partial<SweepOptions> = {}): SweepOptions {
  return {
    values,
    intervalMs,
    pauseMs: 0,
    keys: async function* () {
      yield* CIDS
    },
    has: async () => true,
    signal: new AbortController().signal,
    onProvided: () => undefined,
    ...changes,
  }
}

test('measures the keyspace', () => {
  const one = Uint8Array.from([0b1010_0000, 0])
  assert.equal(sharedBits(one, Uint8Array.from([0b1011_0000, 0])), 3)
  assert.equal(sharedBits(one, Uint8Array.from([0b1010_0000, 1])), 15)
  assert.equal(prefixText(one, 5), '10100')
  assert.equal(fractionOf(Uint8Array.from([0x80, 0, 0, 0, 0, 0])), 0.5)
})

test('a region has every peer that is in it, and enough to keep the records of every key in it', async () => {
  for (const count of [0, 5, 19, 20, 21, 100, 700]) {
    const network = new TestNetwork(count)
    for (const { multihash } of CIDS.slice(0, 8)) {
      const region = await exploreRegion(multihash.bytes, network.lookup, K)
      const within = network.peers.filter(({ place }) => sharedBits(place, region.place) >= region.bits)
      const ids = new Set(region.peers.map(({ id }) => id))
      for (const { id } of within) assert.ok(ids.has(id), `${count} peers: one is missing`)
      assert.ok(region.peers.length >= Math.min(K, count))
      for (const cid of CIDS.slice(0, 300)) {
        const place = placeOf(cid.multihash.bytes)
        if (sharedBits(place, region.place) < region.bits) continue
        const wanted = network.closest(place).map(({ id }) => id)
        assert.deepEqual(
          keepersOf(region, place, K)
            .map(({ id }) => id)
            .sort(),
          wanted.sort(),
        )
      }
    }
  }
})

test('every key reaches those who are closest to it, with far fewer lookups than keys', async () => {
  const network = new TestNetwork(1_000)
  const counts = { told: 0, failed: 0, records: 0 }
  const sweep = new Sweep(
    network,
    optionsOf(new TestValues(), 3_600_000, {
      onProvided: ({ told, failed, records }) => {
        counts.told += told
        counts.failed += failed
        counts.records += records
      },
    }),
  )
  await sweep.step()
  assert.deepEqual(counts, { told: CIDS.length, failed: 0, records: CIDS.length * K })
  for (const cid of CIDS) {
    const wanted = network.closest(placeOf(cid.multihash.bytes)).map(({ id }) => id)
    assert.deepEqual([...(network.records.get(String(cid)) ?? [])].sort(), wanted.sort())
  }
  assert.ok(network.lookups < 300, `${network.lookups} lookups for ${CIDS.length} keys`)
  const { cycleKeys, cycleRegions, nextAt } = sweep.state
  assert.equal(cycleKeys, CIDS.length)
  assert.ok(cycleRegions > 10 && cycleRegions < 100, `${cycleRegions} regions`)
  assert.ok((nextAt ?? 0) > Date.now() + 3_500_000, 'the next cycle begins after the interval')
})

test('goes on where it stopped, and spreads a later cycle over the interval', async () => {
  const network = new TestNetwork(300)
  const values = new TestValues()
  const stop = new AbortController()
  let told = 0
  const first = new Sweep(
    network,
    optionsOf(values, 3_600_000, {
      signal: stop.signal,
      onProvided: provided => {
        told += provided.told
        if (told > 500) stop.abort(new Error('the daemon ends'))
      },
    }),
  )
  await assert.rejects(first.step(), { name: 'AbortError' })
  const before = told
  network.records.clear()
  const count = (provided: { told: number }): void => {
    told += provided.told
  }
  const second = new Sweep(network, optionsOf(values, 3_600_000, { onProvided: count }))
  await second.step()
  assert.equal(told, CIDS.length, `${before} were provided before`)
  // It is not due again; what is due comes with time.
  await second.step()
  assert.equal(told, CIDS.length)
  const [key, state] = [...values.map][0] ?? ['', new Uint8Array()]
  const half = Uint8Array.from(state)
  new DataView(half.buffer).setBigUint64(1, BigInt(Date.now() - 1_800_000))
  values.map.set(key, half)
  let again = 0
  const countAgain = (provided: { told: number }): void => {
    again += provided.told
  }
  const third = new Sweep(network, optionsOf(values, 3_600_000, { onProvided: countAgain }))
  await third.step()
  assert.ok(again > CIDS.length * 0.4 && again < CIDS.length * 0.7, `${again} of ${CIDS.length} at half of the cycle`)
})

test('what cannot be explored is due still; what is gone is not provided', async () => {
  const network = new TestNetwork(50)
  const values = new TestValues()
  network.fails = true
  let told = 0
  const onProvided = (provided: { told: number }): void => {
    told += provided.told
  }
  const gone = new Set(CIDS.slice(0, 500).map(String))
  const sweep = new Sweep(network, optionsOf(values, 1_000, { onProvided, has: async cid => !gone.has(String(cid)) }))
  await assert.rejects(sweep.step(), /nobody is there/)
  assert.equal(told, 0)
  network.fails = false
  await sweep.step()
  assert.equal(told, CIDS.length - 500)
})

test('many keys that wait together reach those who are closest, with a few lookups a region', async () => {
  const network = new TestNetwork(400)
  const { signal } = new AbortController()
  const gone = String(CIDS[7])
  const provider = new RegionalProvider(network, { has: async cid => String(cid) !== gone, signal })
  assert.equal(await provider.pays(CIDS), true)
  assert.equal(await provider.pays(CIDS.slice(0, 10)), false)
  assert.equal(await provider.pays([]), false)
  let rests = 0
  const { told, failed, records, reached } = await provider.provideAll(CIDS, async () => {
    rests += 1
  })
  assert.deepEqual([told, failed, records], [CIDS.length - 1, 0, (CIDS.length - 1) * K])
  for (const cid of CIDS) {
    const wanted = String(cid) === gone ? [] : network.closest(placeOf(cid.multihash.bytes)).map(({ id }) => id)
    assert.deepEqual([...(network.records.get(String(cid)) ?? [])].sort(), wanted.sort())
  }
  assert.ok(network.lookups < CIDS.length / 10, `${network.lookups} lookups for ${CIDS.length} keys`)
  assert.ok(rests > 5 && reached.length > 300)
})

test('in a network that is small one lookup is enough for all keys; where nobody answers it fails', async () => {
  const network = new TestNetwork(9)
  const options = { has: async () => true, signal: new AbortController().signal }
  const provider = new RegionalProvider(network, options)
  assert.equal(await provider.pays(CIDS.slice(0, 64)), true)
  const rest = async (): Promise<void> => undefined
  const { told, records } = await provider.provideAll(CIDS.slice(0, 300), rest)
  assert.deepEqual([told, records, network.lookups], [300, 2_700, 1])
  network.fails = true
  await assert.rejects(new RegionalProvider(network, options).provideAll(CIDS, rest), /nobody/)
})

test('with nothing to provide it rests, until there is something', async () => {
  const network = new TestNetwork(50)
  const cids: CID[] = []
  const sweep = new Sweep(
    network,
    optionsOf(new TestValues(), 3_600_000, {
      keys: async function* () {
        yield* cids
      },
    }),
  )
  assert.equal(sweep.isResting, false)
  await sweep.step()
  assert.equal(sweep.isResting, true)
  cids.push(...CIDS.slice(0, 3))
  sweep.noteKeys()
  assert.equal(sweep.isResting, false)
  await sweep.step()
  assert.equal(network.records.size, 3)
})
