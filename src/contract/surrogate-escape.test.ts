import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nameFromBytes, nameToBytes } from './surrogate-escape.ts'

test('every run of bytes has one name and comes back', () => {
  const samples = [
    [],
    [0x61],
    [0xff],
    [0x61, 0xc3, 0xa9, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf0, 0x9f, 0x98, 0x80, 0xf0, 0x9f],
    [0xef, 0xbb, 0xbf, 0x61],
  ]
  for (let seed = 1, n = 0; n < 500; n++) {
    const bytes: number[] = []
    for (let i = 0; i < n % 23; i++) {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff
      bytes.push((seed >> 16) & 0xff)
    }
    samples.push(bytes)
  }
  const names = new Map<string, string>()
  for (const sample of samples) {
    const bytes = Uint8Array.from(sample)
    const name = nameFromBytes(bytes)
    assert.deepEqual(nameToBytes(name), bytes)
    const hex = Buffer.from(bytes).toString('hex')
    assert.equal(names.get(name) ?? hex, hex)
    names.set(name, hex)
  }
})

test('a name survives JSON', () => {
  const name = nameFromBytes(Uint8Array.of(0x61, 0xff, 0xfe))
  assert.equal(JSON.parse(JSON.stringify({ name })).name, name)
})
