import assert from 'node:assert/strict'
import { test } from 'node:test'
import { xsalsa20 } from '@noble/ciphers/salsa.js'
import { Failure } from '../../contract/failure.ts'
import { KeyStream, keyFingerprint } from './private-network.ts'
import { parseSwarmKey } from './swarm-key.ts'

const HEX = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'
const KEY = Uint8Array.from(Buffer.from(HEX, 'hex'))

test('a stream in pieces is enciphered as one that is whole, wherever it is cut', () => {
  const nonce = new Uint8Array(24).fill(9)
  const plain = Uint8Array.from({ length: 1_000 }, (_, at) => at & 255)
  const whole = Buffer.from(xsalsa20(KEY, nonce, plain))
  for (const size of [1, 63, 64, 65, 127, 1_000]) {
    const stream = new KeyStream(KEY, nonce)
    const pieces: Uint8Array[] = []
    for (let at = 0; at < plain.length; at += size) pieces.push(stream.apply(plain.subarray(at, at + size)))
    assert.ok(Buffer.concat(pieces).equals(whole), `pieces of ${size}`)
  }
  assert.ok(Buffer.from(new KeyStream(KEY, nonce).apply(whole)).equals(plain))
})

test('a key is read in every form that it is written in; a damaged one names the file', () => {
  const head = '/key/swarm/psk/1.0.0/\n'
  const forms = [
    `${head}/base16/\n${HEX}`,
    `${head}/base16/\n${HEX.toUpperCase()}\n`,
    `/key/swarm/psk/1.0.0/\r\n/base16/\r\n${HEX}\r\n`,
    `${head}/base64/\n${Buffer.from(KEY).toString('base64')}\n`,
    `${head}/bin/\n${Buffer.from(KEY).toString('latin1')}`,
  ]
  for (const text of forms) assert.deepEqual([...parseSwarmKey(text, 'swarm.key')], [...KEY], text)
  const broken = ['', HEX, `${head}/base16/\n${HEX.slice(2)}`, `${head}/base16/\n${HEX}00`, `${head}/base99/\n${HEX}`]
  for (const text of broken) {
    assert.throws(
      () => parseSwarmKey(text, 'the/file'),
      error => error instanceof Failure && error.message.includes('the/file'),
    )
  }
})

test('a fingerprint tells networks apart, and not the key', () => {
  assert.match(keyFingerprint(KEY), /^[0-9a-f]{32}$/)
  assert.notEqual(keyFingerprint(KEY), keyFingerprint(KEY.map(byte => byte ^ 1)))
  assert.ok(!keyFingerprint(KEY).includes(HEX.slice(0, 8)))
})
