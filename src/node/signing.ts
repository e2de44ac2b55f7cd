import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import type { PrivateKey, PublicKey } from '../repo/keys.ts'

/** Returns the signature of `data`, as libp2p makes it for the kind of key. */
export async function signWith(key: PrivateKey, data: Uint8Array): Promise<Uint8Array> {
  if (key.type === 'secp256k1') {
    const { secp256k1 } = await import('@noble/curves/secp256k1.js')
    return secp256k1.sign(data, key.data, { format: 'der', prehash: true, lowS: true })
  }
  return Uint8Array.from(sign(key.type === 'ed25519' ? null : 'sha256', data, privateObject(key)))
}

/** Returns true when a signature was made with the private half of `key`. Never throws for what a peer sent. */
export async function isSignedBy(key: PublicKey, data: Uint8Array, signature: Uint8Array): Promise<boolean> {
  try {
    if (key.type === 'secp256k1') {
      const { secp256k1 } = await import('@noble/curves/secp256k1.js')
      return secp256k1.verify(signature, data, key.data, { format: 'der', prehash: true, lowS: false })
    }
    return verify(key.type === 'ed25519' ? null : 'sha256', data, publicObject(key), signature)
  } catch {
    // A key or signature that cannot be read has signed nothing.
    return false
  }
}

function privateObject(key: PrivateKey): KeyObject {
  if (key.type === 'ed25519') {
    const d = Buffer.from(key.data.subarray(0, 32)).toString('base64url')
    const x = Buffer.from(key.data.subarray(32, 64)).toString('base64url')
    return createPrivateKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', d, x } })
  }
  return createPrivateKey({
    key: Buffer.from(key.data),
    format: 'der',
    type: key.type === 'rsa' ? 'pkcs1' : 'sec1',
  })
}

function publicObject(key: PublicKey): KeyObject {
  if (key.type === 'ed25519') {
    const x = Buffer.from(key.data).toString('base64url')
    return createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } })
  }
  return createPublicKey({ key: Buffer.from(key.data), format: 'der', type: 'spki' })
}
