import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeQuotedPrintable } from './quoted-printable.ts'

async function decoded(text: string, size = text.length): Promise<string> {
  const bytes = Buffer.from(text, 'latin1')
  const chunks = (async function* () {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  })()
  return Buffer.concat(await Array.fromAsync(decodeQuotedPrintable(chunks))).toString('latin1')
}

// Lengths as Kubo 0.44 reports them of files that were sent so.
const CASES: readonly (readonly [string, string])[] = [
  ['hello=20world=0A', 'hello world\n'],
  ['hel=\r\nlo=41=zz\r\n', 'helloA=zz\r\n'],
  ['a=4', 'a=4'],
  ['a=', 'a'],
  ['x =20 \r\ny\t\r\n', 'x  \r\ny\r\n'],
  ['x=3d=3D', 'x=='],
  ['=\r\n\r\nq', '\r\nq'],
  ['==41', '=A'],
  ['', ''],
]

test('quoted-printable is read as Kubo reads it, wherever it is cut', async () => {
  for (const [text, expected] of CASES) {
    for (let size = 1; size <= Math.max(1, text.length); size++) {
      assert.equal(await decoded(text, size), expected, `${JSON.stringify(text)} in pieces of ${size}`)
    }
  }
})

test('a line without an end is refused', async () => {
  await assert.rejects(decoded('x'.repeat(70_000)), /a line is longer/)
})
