import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { generateCertificate, verifyPeerCertificate as verifyByLibrary } from '@libp2p/tls/utils'
import { verifyPeerCertificate } from './tls-certificate.ts'

async function made(type: 'Ed25519' | 'secp256k1' | 'RSA') {
  const key = type === 'RSA' ? await generateKeyPair('RSA', 2048) : await generateKeyPair(type)
  const { cert } = await generateCertificate(key)
  return { peer: peerIdFromPrivateKey(key), raw: new Uint8Array(new X509Certificate(cert).raw) }
}

test('a certificate says who the peer is, whatever its key', async () => {
  for (const type of ['Ed25519', 'secp256k1', 'RSA'] as const) {
    const { peer, raw } = await made(type)
    assert.ok((await verifyPeerCertificate(raw, undefined)).equals(peer))
    assert.ok((await verifyPeerCertificate(raw, peer)).equals(peer))
    assert.ok((await verifyByLibrary(raw, peer)).equals(peer))
  }
})

test('another peer than the one that was expected is refused', async () => {
  const [one, other] = [await made('Ed25519'), await made('Ed25519')]
  await assert.rejects(verifyPeerCertificate(one.raw, other.peer), { name: 'UnexpectedPeerError' })
})

test('a certificate of which a single byte is another one, or that is cut short, is refused', async () => {
  const { raw } = await made('Ed25519')
  for (let at = 0; at < raw.length; at += 1) {
    const changed = raw.slice()
    changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8))
    await assert.rejects(
      verifyPeerCertificate(changed, undefined),
      { name: 'InvalidCryptoExchangeError' },
      `byte ${at}`,
    )
    await assert.rejects(verifyPeerCertificate(raw.subarray(0, at), undefined), { name: 'InvalidCryptoExchangeError' })
  }
})

test('a certificate without the key of a peer is refused', async () => {
  // openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -days 36500
  await assert.rejects(verifyPeerCertificate(new X509Certificate(PLAIN).raw, undefined), /names no key|malformed/)
})

const PLAIN = `-----BEGIN CERTIFICATE-----
MIIBbzCCARWgAwIBAgIUUckcMZHiQ8n97pxi3L43uKNYxCMwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBeDAgFw0yNjExMjQxMDQ5MDlaGA8yMTI2MTAzMTEwNDkwOVow
DDEKMAgGA1UEAwwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJoL1RUwUQNS
HqVgNnjKlFa8WgmxOLb92/gMn7xxP5KIE6/MiDz7EUNui8x2UlYXdkNChbbEuXzr
HXImX2k2tMmjUzBRMB0GA1UdDgQWBBR9AA9izoVIKlahm4GMkSGeZYA2wDAfBgNV
HSMEGDAWgBR9AA9izoVIKlahm4GMkSGeZYA2wDAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0gAMEUCIQCzBpC94p+GXEByq54B3aB7Z9V+MXLAMS6XXJtvDxkv
jAIgXI4XPWuGVv+l0WgElxwkQE2UpAd4swtRFIS9hN11dgo=
-----END CERTIFICATE-----`
