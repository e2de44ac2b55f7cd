import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rest } from './rest-collector.ts'

const MIB = 1024 * 1024

test('garbage is collected once, when the work that made it is over', () => {
  const rest = new Rest(20 * MIB)
  const looks = [20, 20.5, 40, 80, 79.5].map(size => rest.look(size * MIB))
  assert.deepEqual(looks, [false, false, false, false, true])
  rest.collected(25 * MIB)
  assert.deepEqual(
    [25, 25.5, 26, 32.9, 33].map(size => rest.look(size * MIB)),
    [false, false, false, false, true],
  )
})

test('what the engine has collected by itself is no garbage any more', () => {
  const rest = new Rest(60 * MIB)
  assert.deepEqual(
    [20, 20, 27, 27.9, 28.1].map(size => rest.look(size * MIB)),
    [false, false, false, false, true],
  )
})
