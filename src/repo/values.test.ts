import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freshRepo } from './fresh-repo.suite.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

test('values are put, replaced, removed and listed by prefix in the order of keys', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  const { values } = repo
  assert.equal(await values.get('/a'), undefined)
  await values.put('/a', bytes('1'))
  await values.put('/a', bytes('2'))
  await values.put('/empty', new Uint8Array())
  assert.deepEqual(await values.get('/a'), bytes('2'))
  assert.deepEqual(await values.get('/empty'), new Uint8Array())
  await values.batch(
    new Map([
      ['/a', undefined],
      ...Array.from({ length: 1200 }, (_, nth): [string, Uint8Array] => [
        `/ä/${String(nth).padStart(4, '0')}`,
        bytes('x'),
      ]),
      ['/ö', bytes('y')],
    ]),
  )
  assert.equal(await values.get('/a'), undefined)
  const keys = (await Array.fromAsync(values.list('/ä/'))).map(entry => entry.key)
  assert.equal(keys.length, 1200)
  assert.deepEqual(keys, keys.toSorted())
  assert.deepEqual(await Array.fromAsync(values.list('/nothing')), [])
})

test('of those who swap at once one wins', async () => {
  using fresh = await freshRepo()
  const repos = [await fresh.open(), await fresh.open(), await fresh.open()]
  assert.equal(await repos[0]?.values.compareAndSwap('/local/filesroot', bytes('none'), bytes('x')), false)
  const won = await Promise.all(
    repos.map((repo, nth) => repo.values.compareAndSwap('/local/filesroot', undefined, bytes(`${nth}`))),
  )
  assert.equal(won.filter(Boolean).length, 1)
  const winner = bytes(`${won.indexOf(true)}`)
  assert.deepEqual(await repos[2]?.values.get('/local/filesroot'), winner)
  assert.equal(await repos[1]?.values.compareAndSwap('/local/filesroot', winner, bytes('next')), true)
  for (const repo of repos) await repo[Symbol.asyncDispose]()
})

test('a process learns that another one has committed', async () => {
  using fresh = await freshRepo()
  await using one = await fresh.open()
  await using other = await fresh.open()
  assert.equal(one.changedElsewhere(), false)
  await one.values.put('/a', bytes('1'))
  assert.equal(one.changedElsewhere(), false)
  await other.values.put('/a', bytes('2'))
  assert.equal(one.changedElsewhere(), true)
  assert.equal(one.changedElsewhere(), false)
})
