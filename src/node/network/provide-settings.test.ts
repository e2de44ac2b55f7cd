import assert from 'node:assert/strict'
import { test } from 'node:test'
import { provideSettings } from './provide-settings.ts'

const withStrategy = (Strategy: string) => provideSettings({ Provide: { Strategy } })

test('strategies are unions of what is to be provided', () => {
  assert.deepEqual([...provideSettings({}).sources], ['all'])
  assert.deepEqual([...withStrategy('').sources], ['all'])
  assert.deepEqual([...withStrategy('flat').sources], ['all'])
  assert.deepEqual([...withStrategy('pinned+mfs').sources], ['pinned', 'mfs'])
  assert.deepEqual([...withStrategy('pinned+mfs+entities').sources], ['pinned', 'mfs'])
  for (const [strategy, message] of [
    ['everything', /unknown provide strategy token: "everything"/],
    ['pinned+', /empty token/],
    ['all+pinned', /"all" strategy cannot be combined/],
    ['unique', /must combine with pinned and\/or mfs/],
    ['roots+pinned+unique', /incompatible with roots/],
  ] as const) {
    assert.throws(() => withStrategy(strategy), message)
  }
})

test('numbers that cannot be are refused', () => {
  const withDht = (DHT: Record<string, unknown>, Enabled?: boolean) =>
    provideSettings({ Provide: { DHT, ...(Enabled === undefined ? {} : { Enabled }) } })
  assert.throws(() => withDht({ Interval: '49h' }), /must be less than or equal to DHT provider record validity/)
  assert.throws(() => withDht({ Interval: '0s' }), /no longer disables the provide system/)
  assert.equal(withDht({ Interval: '0s' }, true).intervalMs, 0)
  assert.throws(() => withDht({ MaxWorkers: 0 }), /MaxWorkers must be positive, got 0/)
  assert.throws(() => withDht({ DedicatedBurstWorkers: -1 }), /must be non-negative/)
})
