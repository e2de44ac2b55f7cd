import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { keyFromPem, keyToPem } from './key-pem.ts'
import { generateKey } from './keys.ts'

for (const type of ['ed25519', 'rsa', 'secp256k1']) {
  test(`a ${type} key survives PEM`, async () => {
    const key = await generateKey(type)
    const pem = await keyToPem(key)
    assert.ok(pem.split('\n').every(line => line.length <= 64))
    assert.deepEqual(await keyFromPem(pem), key)
  })
}

test('reads keys that others have written', async () => {
  for (const { privateKey } of [
    generateKeyPairSync('ed25519'),
    generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
    generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ]) {
    const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
    const key = await keyFromPem(`# a comment\r\n${pem.replaceAll('\n', '\r\n')}`)
    assert.equal(await keyToPem(key), pem)
  }
})

test('refuses what is no key in PKCS #8', async () => {
  const sec1 = String(
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'sec1', format: 'pem' }),
  )
  await assert.rejects(keyFromPem('nothing'), { kind: 'usage', message: /PEM block not found/ })
  await assert.rejects(keyFromPem(sec1), { kind: 'usage', message: /expected PRIVATE KEY .* EC PRIVATE KEY/ })
  const garbage = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'
  await assert.rejects(keyFromPem(garbage), { kind: 'usage', message: /PKCS8/ })
})
