import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { Uint8ArrayList } from 'uint8arraylist'
import { preparedKey } from './signer.ts'

test('signs as the key itself, and is it in all else', async () => {
  const key = await generateKeyPair('Ed25519')
  const prepared = preparedKey(key)
  const data = Uint8Array.of(1, 2, 3)
  assert.deepEqual(Buffer.from(await prepared.sign(data)), Buffer.from(await key.sign(data)))
  const list = new Uint8ArrayList(Uint8Array.of(1), Uint8Array.of(2, 3))
  assert.ok(await key.publicKey.verify(data, await prepared.sign(list)))
  assert.equal(prepared.publicKey, key.publicKey)
  assert.ok(prepared.equals(key))
})

test('keys of other types stay what they are', async () => {
  const key = await generateKeyPair('secp256k1')
  assert.equal(preparedKey(key), key)
})
