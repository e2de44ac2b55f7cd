import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freshRepo } from '../../repo/fresh-repo.suite.ts'
import { forgetSequenceNumbers, GUARDED_PEERS_MAX, ReplayGuard } from './replay-guard.ts'

const SEEN_MS = 120_000

test('what comes again after the cache has forgotten it is refused, and what was overtaken is not', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  let now = 1_000_000
  const guard = new ReplayGuard(repo.values, SEEN_MS, () => now)
  for (const seqno of [5n, 9n, 7n, 6n]) assert.equal(await guard.accept('a', seqno), true)
  now += SEEN_MS - 1
  assert.equal(await guard.accept('a', 8n), true)
  now += 1
  for (const seqno of [5n, 8n, 9n]) assert.equal(await guard.accept('a', seqno), false, `${seqno}`)
  assert.equal(await guard.accept('a', 10n), true)
  assert.equal(await guard.accept('b', 1n), true)
})

test('the next run knows the highest numbers, until they are reset', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  const guard = new ReplayGuard(repo.values, SEEN_MS)
  await guard.accept('a', 2n ** 63n + 1n)
  await guard.accept('b', 3n)
  await guard.save()
  const next = new ReplayGuard(repo.values, SEEN_MS)
  assert.deepEqual(await Promise.all([next.accept('a', 2n ** 63n), next.accept('a', 2n ** 63n + 2n)]), [false, true])
  assert.equal(await next.accept('b', 3n), false)
  assert.equal(await next.reset('b'), 1)
  assert.equal(await next.reset('b'), 0)
  assert.equal(await next.accept('b', 3n), true)
  assert.equal(await next.reset(), 2)
  assert.equal(await forgetSequenceNumbers(repo.values), 0)
})

test('peers without end are not remembered without end', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  const guard = new ReplayGuard(repo.values, SEEN_MS)
  for (let nth = 0; nth <= GUARDED_PEERS_MAX; nth++) await guard.accept(`peer-${nth}`, 1n)
  await guard.save()
  assert.ok((await forgetSequenceNumbers(repo.values)) < GUARDED_PEERS_MAX)
})
