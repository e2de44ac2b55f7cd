import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergeSources } from './merge.ts'

async function* numbers(...values: number[]) {
  for (const value of values) {
    await new Promise(setImmediate)
    yield value
  }
}

async function* failing(): AsyncGenerator<number> {
  await new Promise(setImmediate)
  throw new Error('no')
}

test('yields what all sources yield, though one fails', async () => {
  const merged = await Array.fromAsync(mergeSources([() => numbers(1, 2), failing, () => numbers(3)]))
  assert.deepEqual(merged.sort(), [1, 2, 3])
  assert.deepEqual(await Array.fromAsync(mergeSources([])), [])
})

test('throws when all sources failed and nothing came', async () => {
  await assert.rejects(Array.fromAsync(mergeSources([failing, failing])), /no/)
})

test('stops the sources when the reader leaves, and when the signal says so', async () => {
  let stopped = 0
  const endless = async function* (stop: AbortSignal) {
    yield 1
    await new Promise<void>(resolve => stop.addEventListener('abort', () => resolve()))
    stopped += 1
  }
  for await (const value of mergeSources([endless])) if (value === 1) break
  await new Promise(setImmediate)
  assert.equal(stopped, 1)
  const ending = new AbortController()
  const reading = Array.fromAsync(mergeSources([endless], ending.signal))
  setImmediate(() => ending.abort())
  await assert.rejects(reading, { name: 'AbortError' })
})

test('holds a bounded number of values for a slow reader', async () => {
  let made = 0
  const many = async function* () {
    for (; made < 100_000; made += 1) yield made
  }
  for await (const value of mergeSources([many])) {
    await new Promise(setImmediate)
    if (value === 10) break
  }
  assert.ok(made < 1000, `${made} were made`)
})
