import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from '../../contract/failure.ts'
import { connectionBounds } from './connection-limits.ts'

test('bounds are those of the reference implementation where the config is silent', () => {
  const bounds = connectionBounds({}, 'repo')
  assert.deepEqual([bounds.high, bounds.low, bounds.graceMs, bounds.silenceMs], [96, 32, 20_000, 10_000])
  assert.ok(bounds.connectionsMax >= 192)
  assert.equal(connectionBounds({}, 'ephemeral').dialsMax, 8)
})

test('the config sets them; nobody is let go when it says so', () => {
  const ConnMgr = { HighWater: 20, LowWater: 40, GracePeriod: '1m', SilencePeriod: '2s' }
  const bounds = connectionBounds({ Swarm: { ConnMgr, ResourceMgr: { MaxMemory: '64MiB' } } }, 'repo')
  // No more are left than there may be.
  assert.deepEqual([bounds.high, bounds.low, bounds.graceMs, bounds.silenceMs], [20, 20, 60_000, 2_000])
  assert.equal(bounds.connectionsMax, 64)
  const files = { MaxMemory: '1GiB', MaxFileDescriptors: 100 }
  assert.equal(connectionBounds({ Swarm: { ConnMgr, ResourceMgr: files } }, 'repo').connectionsMax, 100)
  assert.equal(connectionBounds({ Swarm: { ConnMgr: { Type: 'none' } } }, 'repo').high, Number.POSITIVE_INFINITY)
  const off = connectionBounds({ Swarm: { ResourceMgr: { Enabled: false } } }, 'repo')
  assert.equal(off.connectionsMax, Number.MAX_SAFE_INTEGER)
  assert.throws(() => connectionBounds({ Swarm: { ConnMgr: { Type: 'fancy' } } }, 'repo'), Failure)
})
