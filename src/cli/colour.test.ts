import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wantsColour } from './colour.ts'

test('colour: the flag decides, then the environment, then the terminal', () => {
  const cases = [
    [undefined, {}, true, true],
    [undefined, {}, false, false],
    ['always', { NO_COLOR: '1' }, false, true],
    ['never', { FORCE_COLOR: '1' }, true, false],
    ['auto', { NO_COLOR: '1', FORCE_COLOR: '1' }, true, false],
    [undefined, { NO_COLOR: '' }, true, true],
    [undefined, { FORCE_COLOR: '1' }, false, true],
    [undefined, { FORCE_COLOR: '0' }, false, false],
    [undefined, { CLICOLOR_FORCE: '1', CLICOLOR: '0' }, false, true],
    [undefined, { CLICOLOR: '0' }, true, false],
    [undefined, { TERM: 'dumb' }, true, false],
    [undefined, { TERM: 'dumb', FORCE_COLOR: '1' }, true, true],
  ] as const
  for (const [flag, env, isTerminal, expected] of cases) {
    assert.equal(wantsColour(flag, env, isTerminal), expected, JSON.stringify([flag, env, isTerminal]))
  }
})
