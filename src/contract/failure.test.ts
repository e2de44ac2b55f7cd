import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure, firstError } from './failure.ts'

/** A thing that cannot be closed. */
function unclosable(text: string): Disposable {
  return {
    [Symbol.dispose]: () => {
      throw new Error(text)
    },
  }
}

test('what failed first is told, however much fails while things are closed after it', () => {
  const first = new Failure('failed', 'a disk is gone')
  let thrown: unknown
  try {
    using _outer = unclosable('outer')
    using _inner = unclosable('inner')
    throw first
  } catch (error) {
    thrown = error
  }
  assert.notEqual(thrown, first)
  assert.equal(firstError(thrown), first)
  assert.equal(firstError(first), first)
  assert.equal(firstError('text'), 'text')
})
