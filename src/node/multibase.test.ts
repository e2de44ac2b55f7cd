import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { bases } from 'multiformats/basics'
import { BASES, baseByName, decodeMultibase, encodeMultibase } from './multibase.ts'

/** Bytes of many lengths, some with zeros in front. */
function* samples(): Iterable<Uint8Array> {
  for (let length = 0; length < 70; length += 1) {
    const bytes = createHash('sha512').update(String(length)).digest()
    const twice = Buffer.concat([bytes, bytes]).subarray(0, length)
    yield Uint8Array.from(twice)
    yield Uint8Array.from(twice).fill(0, 0, length % 7)
  }
}

test('every encoding gives back what it was given', () => {
  for (const base of BASES) {
    for (const bytes of samples()) {
      if (bytes.length === 0 && (base.name.startsWith('base36') || base.name.startsWith('base58'))) continue
      assert.deepEqual(decodeMultibase(encodeMultibase(base, bytes)), { base, bytes }, base.name)
    }
  }
})

test('the encodings agree with those of multiformats', () => {
  const others = new Map<string, { encode(bytes: Uint8Array): string }>(
    Object.values(bases).map(base => [base.name, base]),
  )
  for (const base of BASES) {
    const other = others.get(base.name)
    if (other === undefined || base.name === 'identity') continue
    for (const bytes of samples()) assert.equal(encodeMultibase(base, bytes), other.encode(bytes), base.name)
  }
})

test('broken padding is refused', () => {
  for (const text of ['Maa', 'Ma===', 'Maaa==', 'Maaaa====', 'caa', 'caaa=====', 'caaaaaaaa========', 'M=', 'maa==']) {
    assert.throws(() => decodeMultibase(text), /illegal base(32|64) data at input byte/, text)
  }
})

test('an encoding is found by name and by prefix', () => {
  assert.equal(baseByName('z').name, 'base58btc')
  assert.equal(baseByName('base36').prefix, 'k')
  assert.throws(() => baseByName('base9000'), { kind: 'usage', message: 'unsupported multibase encoding: base9000' })
})
