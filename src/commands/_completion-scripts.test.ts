import assert from 'node:assert/strict'
import { test } from 'node:test'
import { completionScript } from './_completion-scripts.ts'

/** No PowerShell runs the tests: what its documentation asks of the script is looked for in it. */
test('the script for PowerShell is whole, and leaves nothing to chance', () => {
  const script = completionScript('powershell')
  const code = script.replace(/^\s*#.*$/gm, '').replace(/'(?:[^']|'')*'|"[^"]*"/g, '_')
  for (const [open, close] of ['{}', '()', '[]']) {
    const count = (bracket: string | undefined): number => code.split(bracket ?? '').length
    assert.equal(count(open), count(close), `${open}${close}`)
  }
  assert.doesNotMatch(code, /['"]/, 'a quote is not closed')
  assert.match(script, /Register-ArgumentCompleter -Native -CommandName 'tsipfs'/)
  // The three that a native completer is called with, and what each is used for.
  assert.match(script, /param\(\$word, \$ast, \$position\)/)
  assert.match(script, /StartOffset -lt \$position/)
  // An empty last word says that a new one begins; older versions drop it.
  assert.match(script, /-lt \[version\]'7\.3' -or \$PSNativeCommandArgumentPassing -eq 'Legacy'/)
  // Files are the shell's own, and are not offered where none are wanted.
  assert.match(script, /CompleteFilename\(\$word\)/)
  assert.match(script, /elseif \(\$results\.Count -eq 0\) \{ '' \}/)
})
