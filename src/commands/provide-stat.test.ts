import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inBoth, inSi, withCommas } from './_human.ts'
import { provideStatRecord, provideStatText } from './_provide-stat.ts'

const SETTINGS = {
  isEnabled: true,
  strategy: 'all',
  sources: new Set(['all'] as const),
  intervalMs: 22 * 3_600_000,
  workers: 16,
  workersPeriodic: 2,
  workersBurst: 1,
  connectionsPerWorker: 20,
  isSweeping: true,
}
const STAT = {
  settings: SETTINGS,
  startedAt: Date.now(),
  connectedSince: undefined,
  queued: 0,
  scheduled: 3,
  ongoing: 0,
  reproviding: 0,
  provided: 0,
  durationMs: 0,
  records: 0,
  failed: 0,
  reprovided: 0,
  lastReprovide: undefined,
  lastReprovideDurationMs: 0,
  lastReprovideKeys: 0,
  sweeps: [],
}
const NONE = {
  all: false,
  compact: false,
  connectivity: false,
  queues: false,
  schedule: false,
  timings: false,
  network: false,
  operations: false,
  workers: false,
}

// What a fresh node without peers says, as recorded from Kubo 0.44.
test('statistics in short are those of Kubo', () => {
  assert.equal(
    provideStatText(provideStatRecord(STAT), NONE),
    `Status:              offline
Provide queue:       0 CIDs, 0 regions
Reprovide queue:     0 regions
CIDs scheduled:      3
Regions scheduled:   N/A
Avg record holders:  N/A
Ongoing provides:    0 CIDs, 0 regions
Ongoing reprovides:  0 CIDs, 0 regions
Total CIDs provided: 0
`,
  )
})

test('sections are those of Kubo, alone and together', () => {
  const record = provideStatRecord(STAT)
  assert.equal(
    provideStatText(record, { ...NONE, queues: true }),
    'Provide queue:   0 CIDs, 0 regions\nReprovide queue: 0 regions\n',
  )
  assert.equal(
    provideStatText(record, { ...NONE, workers: true, connectivity: true }),
    `Connectivity:
  Status: offline

Workers:
  Active workers: 0 / 16 (max)
  Free workers:   13
    Workers stats: Periodic  Burst
    Active:        0         0
    Dedicated:     2         1
    Available:     15        14
    Queued:        0         0
  Max connections/worker: 20
`,
  )
  const columns = provideStatText(record, { ...NONE, all: true, compact: true }).split('\n')
  assert.equal(columns[0], 'Schedule:                            Connectivity:')
  assert.equal(columns[19], '    Active:        0         0         CIDs provided/min/worker: N/A')
})

test('without sweeping the older form is shown', () => {
  const stat = { ...STAT, settings: { ...SETTINGS, isSweeping: false }, reprovided: 3 }
  assert.equal(
    provideStatText(provideStatRecord(stat), NONE),
    'TotalReprovides:       3\nAvgReprovideDuration:  0s\nLastReprovideDuration: 0s\n',
  )
})

test('numbers are written as Kubo writes them', () => {
  assert.deepEqual([0, 999, 1000, 12_345, 2_500_000].map(inBoth), [
    '0',
    '999',
    '1k\t(1,000)',
    '12k\t(12,345)',
    '3M\t(2,500,000)',
  ])
  assert.equal(inSi(12_345, 1), '12.3k')
  assert.equal(withCommas(1234.5, 1), '1,234.5')
  assert.equal(withCommas(2, 1), '2')
})

test('a cycle that is set for later has not begun: the one before it goes on', () => {
  const begun = Date.now() - 60_000
  const sweep = {
    cycleStart: begun + SETTINGS.intervalMs,
    cycleEnd: begun + 1_000,
    cycleMs: 1_000,
    cycleKeys: 3,
    cycleRegions: 1,
    regions: 1,
    bits: 0,
    peers: 1,
    reached: 1,
    regionPeers: 1,
    nextAt: begun + SETTINGS.intervalMs,
    nextPrefix: '',
    isProviding: false,
  }
  const timing = provideStatRecord({ ...STAT, sweeps: [sweep] }).Sweep?.timing
  assert.equal(timing?.cycle_start, new Date(begun).toISOString())
  assert.ok((timing?.current_time_offset ?? 0) >= 60e9)
})
