import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { decryptKey, encryptKey, publicKeyOf } from './key-encryption.ts'
import { generateKey, marshalPrivateKey, marshalPublicKey } from './keys.ts'
import { openKeystore } from './keystore.ts'

const secret = new TextEncoder().encode('correct horse')

test('a key that was encrypted comes back with its passphrase alone, and no bit of it can be changed', async () => {
  const key = await generateKey('ed25519')
  const [privateKey, publicKey] = [marshalPrivateKey(key), marshalPublicKey(key.publicKey)]
  const bytes = await encryptKey(privateKey, publicKey, secret)
  assert.equal(Buffer.from(bytes).includes(Buffer.from(privateKey.subarray(4, 36))), false)
  assert.deepEqual(publicKeyOf(bytes), publicKey)
  assert.deepEqual(await decryptKey(bytes, secret), privateKey)
  await assert.rejects(decryptKey(bytes, new TextEncoder().encode('wrong')), { kind: 'failed', message: /passphrase/ })
  const at = Buffer.from(bytes).indexOf('"publicKey":"') + 16
  for (const place of [at, bytes.length - 1, bytes.length - 20]) {
    const flipped = bytes.slice()
    flipped[place] = (flipped[place] ?? 0) ^ 1
    await assert.rejects(decryptKey(flipped, secret), { kind: 'failed' })
  }
  for (const length of [30, 60, bytes.length - 20]) {
    await assert.rejects(decryptKey(bytes.subarray(0, length), secret), { kind: 'failed' })
  }
})

test('a header that asks for too much memory is refused', async () => {
  const key = await generateKey('ed25519')
  const bytes = await encryptKey(marshalPrivateKey(key), marshalPublicKey(key.publicKey), secret)
  const greedy = Buffer.from(Buffer.from(bytes).toString('latin1').replace('"N":65536', '"N":67108864'), 'latin1')
  await assert.rejects(decryptKey(greedy, secret), { kind: 'failed', message: /damaged/ })
})

test('the keystore encrypts on request, lists without passphrase, and asks nobody', async () => {
  const root = mkdtempSync(join(tmpdir(), 'tsipfs-keys-'))
  try {
    const key = await generateKey('ed25519')
    const privateKey = marshalPrivateKey(key)
    const bare = openKeystore(root)
    await assert.rejects(bare.put('k', privateKey, { encrypt: true }), {
      kind: 'failed',
      hint: /TSIPFS_KEY_PASSPHRASE/,
    })
    assert.deepEqual(await bare.list(), [])
    const file = join(root, 'passphrase')
    writeFileSync(file, 'correct horse\n')
    await openKeystore(root, { TSIPFS_KEY_PASSPHRASE_FILE: file }).put('k', privateKey, { encrypt: true })
    const [stored = ''] = readdirSync(join(root, 'keystore'))
    assert.match(readFileSync(join(root, 'keystore', stored), 'latin1'), /^tsipfs encrypted key 1\n/)
    assert.equal(await bare.isEncrypted('k'), true)
    assert.deepEqual(await bare.publicKey('k'), marshalPublicKey(key.publicKey))
    await assert.rejects(bare.get('k'), { kind: 'failed', message: /is encrypted/ })
    await bare.rename('k', 'l')
    const rich = openKeystore(root, { TSIPFS_KEY_PASSPHRASE: 'correct horse' })
    assert.deepEqual(await rich.get('l'), privateKey)
    await rich.put('plain', privateKey)
    assert.equal(await bare.isEncrypted('plain'), false)
    assert.deepEqual(await bare.publicKey('plain'), marshalPublicKey(key.publicKey))
    await assert.rejects(openKeystore(root, { TSIPFS_KEY_PASSPHRASE: '' }).get('l'), { kind: 'usage' })
  } finally {
    rmSync(root, { recursive: true })
  }
})
