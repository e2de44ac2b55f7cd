import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonSchemaOf, maybe, oneOf, type Shape, shapeProblem } from './shape.ts'

const SHAPE: Shape = {
  Key: 'cid: the block',
  'Size?': 'int',
  Labels: { '*': 'text' },
  Links: maybe([{ Name: 'text', Value: oneOf('int', 'text') }]),
}

test('a shape is written as a JSON Schema', () => {
  assert.deepEqual(jsonSchemaOf(SHAPE), {
    type: 'object',
    properties: {
      Key: { type: 'string', format: 'cid', description: 'the block' },
      Size: { type: 'integer' },
      Labels: { type: 'object', properties: {}, additionalProperties: { type: 'string' } },
      Links: {
        anyOf: [
          {
            type: 'array',
            items: {
              type: 'object',
              properties: { Name: { type: 'string' }, Value: { anyOf: [{ type: 'integer' }, { type: 'string' }] } },
              required: ['Name', 'Value'],
            },
          },
          { type: 'null' },
        ],
      },
    },
    required: ['Key', 'Labels', 'Links'],
  })
})

test('a value is told in what it is not of a shape', () => {
  const good = { Key: 'bafy1234', Labels: { a: 'b' }, Links: [{ Name: 'x', Value: 1 }] }
  assert.equal(shapeProblem(SHAPE, good), undefined)
  assert.equal(shapeProblem(SHAPE, { ...good, Links: null, Size: 3 }), undefined)
  for (const [change, want] of [
    [{ Size: 1.5 }, 'the result.Size: an integer is wanted'],
    [{ Key: '' }, 'the result.Key: a CID is wanted'],
    [{ Labels: { a: 1 } }, 'the result.Labels.a: a text is wanted'],
    [{ More: 1 }, 'the result.More is not described'],
    [{ Links: [{ Name: 'x' }] }, /Links\[0\]\.Value is missing; or the result\.Links: null is wanted/],
    [{ Links: [{ Name: 'x', Value: true }] }, /an integer is wanted; or .*a text is wanted/],
  ] as const) {
    const problem = shapeProblem(SHAPE, { ...good, ...change })
    if (typeof want === 'string') assert.equal(problem, want)
    else assert.match(problem ?? '', want)
  }
  assert.equal(shapeProblem(SHAPE, []), 'the result: an object is wanted')
  assert.equal(shapeProblem({ '*': 'any' }, JSON.parse('{"__proto__":1}')), undefined)
})
