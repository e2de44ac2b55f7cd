import type { KeyObject } from 'node:crypto'
import { base58btc } from 'multiformats/bases/base58'
import { Failure } from '../contract/failure.ts'
import { createHash } from './platform-hash.ts'

/** The kinds of key that libp2p knows. https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md */
export type KeyType = 'rsa' | 'ed25519' | 'secp256k1' | 'ecdsa'

/** A public key: `data` is PKIX DER (rsa, ecdsa), 32 bytes (ed25519) or a compressed point of 33 bytes (secp256k1). */
export interface PublicKey {
  readonly type: KeyType
  readonly data: Uint8Array
}

/**
 * A private key: `data` is PKCS #1 DER (rsa), SEC 1 DER (ecdsa), seed and public key in 64 bytes (ed25519) or 32 bytes
 * (secp256k1).
 */
export interface PrivateKey {
  readonly type: KeyType
  readonly data: Uint8Array
  readonly publicKey: PublicKey
}

const TYPES: readonly KeyType[] = ['rsa', 'ed25519', 'secp256k1', 'ecdsa']
const RSA_BITS_DEFAULT = 2048
const RSA_BITS_MIN = 2048
const RSA_BITS_MAX = 8192
/** Serialized public keys of at most so many bytes stand in the peer id as they are; longer ones are hashed. */
const INLINE_BYTES_MAX = 42

/** An ed25519 key is read without arithmetic: then `node:crypto`, which takes longer than all of `id`, is not loaded. */
function platform(): typeof import('node:crypto') {
  return process.getBuiltinModule('node:crypto')
}

/** Returns a fresh key. Throws a `usage` Failure for a type or size that cannot be. */
export async function generateKey(type: string, bits?: number): Promise<PrivateKey> {
  if (type === 'rsa') return generateRsa(bits ?? RSA_BITS_DEFAULT)
  if (type !== 'ed25519' && type !== 'secp256k1') {
    throw new Failure('usage', `unrecognized key type: ${type}`, { hint: 'choose ed25519, rsa or secp256k1' })
  }
  if (bits !== undefined && bits !== 256 && bits !== -1) {
    throw new Failure('usage', `invalid key size ${bits}: ${type} keys are always 256 bits`)
  }
  if (type === 'ed25519') {
    const { d, x } = platform().generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
    return ed25519Key(Buffer.from(d ?? '', 'base64url'), Buffer.from(x ?? '', 'base64url'))
  }
  const { secp256k1 } = await import('@noble/curves/secp256k1.js')
  return secp256k1Key(secp256k1.utils.randomSecretKey())
}

/** Returns the ed25519 key of a seed and its public key, of 32 bytes each. */
export function ed25519Key(seed: Uint8Array, publicKey: Uint8Array): PrivateKey {
  const data = new Uint8Array(64)
  data.set(seed)
  data.set(publicKey, 32)
  return { type: 'ed25519', data, publicKey: { type: 'ed25519', data: Uint8Array.from(publicKey) } }
}

/** Returns the secp256k1 key of a secret of 32 bytes. Throws a Failure for one that is out of range. */
export async function secp256k1Key(secret: Uint8Array): Promise<PrivateKey> {
  const { secp256k1 } = await import('@noble/curves/secp256k1.js')
  if (!secp256k1.utils.isValidSecretKey(secret)) throw new Failure('failed', 'invalid secp256k1 private key')
  const publicKey = { type: 'secp256k1', data: secp256k1.getPublicKey(secret, true) } as const
  return { type: 'secp256k1', data: Uint8Array.from(secret), publicKey }
}

/** Returns the key of one that node:crypto holds. Throws a Failure for a kind or size that libp2p does not take. */
export function keyFromObject(key: KeyObject): PrivateKey {
  switch (key.asymmetricKeyType) {
    case 'ed25519': {
      const { d, x } = key.export({ format: 'jwk' })
      return ed25519Key(Buffer.from(d ?? '', 'base64url'), Buffer.from(x ?? '', 'base64url'))
    }
    case 'rsa': {
      const publicKey = publicFromObject('rsa', platform().createPublicKey(key))
      return { type: 'rsa', data: Uint8Array.from(key.export({ type: 'pkcs1', format: 'der' })), publicKey }
    }
    case 'ec': {
      const publicKey = publicFromObject('ecdsa', platform().createPublicKey(key))
      return { type: 'ecdsa', data: Uint8Array.from(key.export({ type: 'sec1', format: 'der' })), publicKey }
    }
    default:
      throw new Failure('failed', `unsupported kind of key: ${key.asymmetricKeyType}`)
  }
}

/** Returns the private key in libp2p's protobuf form. */
export function marshalPrivateKey(key: PrivateKey): Uint8Array {
  return marshal(key.type, key.data)
}

/** Returns the public key in libp2p's protobuf form. */
export function marshalPublicKey(key: PublicKey): Uint8Array {
  return marshal(key.type, key.data)
}

/** Returns the private key of libp2p's protobuf form. Throws a Failure when it is none. */
export async function unmarshalPrivateKey(bytes: Uint8Array): Promise<PrivateKey> {
  const { type, data } = unmarshal(bytes, 'private')
  if (type === 'secp256k1') return secp256k1Key(data)
  if (type === 'ed25519') {
    // 96 bytes are an old form, which repeats the public key.
    if (data.length !== 64 && data.length !== 96) {
      throw new Failure('failed', `expected ed25519 data size to be 64 or 96, got ${data.length}`)
    }
    if (data.length === 96 && Buffer.compare(data.subarray(32, 64), data.subarray(64)) !== 0) {
      throw new Failure('failed', 'expected redundant ed25519 public key to be redundant')
    }
    return ed25519Key(data.subarray(0, 32), data.subarray(32, 64))
  }
  try {
    return keyFromObject(
      platform().createPrivateKey({ key: Buffer.from(data), format: 'der', type: type === 'rsa' ? 'pkcs1' : 'sec1' }),
    )
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure('failed', `invalid ${type} private key`, { cause: error })
  }
}

/** Returns the public key of libp2p's protobuf form. Throws a Failure when it is none. */
export function unmarshalPublicKey(bytes: Uint8Array): PublicKey {
  const { type, data } = unmarshal(bytes, 'public')
  if (type === 'ed25519' && data.length !== 32)
    throw new Failure('failed', 'expect ed25519 public key data size to be 32')
  if (type === 'secp256k1' && data.length !== 33) throw new Failure('failed', 'invalid secp256k1 public key')
  if (type === 'rsa' || type === 'ecdsa') {
    try {
      checkRsaSize(platform().createPublicKey({ key: Buffer.from(data), format: 'der', type: 'spki' }))
    } catch (error) {
      if (error instanceof Failure) throw error
      throw new Failure('failed', `invalid ${type} public key`, { cause: error })
    }
  }
  return { type, data }
}

/** Returns the multihash that is the peer id of a key: the key itself when it is short, else its SHA-256. */
export function peerIdBytes(key: PublicKey): Uint8Array {
  const bytes = marshalPublicKey(key)
  if (bytes.length <= INLINE_BYTES_MAX) return Uint8Array.from([0, bytes.length, ...bytes])
  return Uint8Array.from([0x12, 32, ...createHash('sha256').update(bytes).digest()])
}

/** Returns a peer id in base58, as `Identity.PeerID` holds it. */
export function peerIdText(key: PublicKey): string {
  return base58btc.baseEncode(peerIdBytes(key))
}

async function generateRsa(bits: number): Promise<PrivateKey> {
  if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX) {
    throw new Failure(
      'usage',
      bits < RSA_BITS_MIN
        ? `rsa keys must be >= ${RSA_BITS_MIN} bits to be useful`
        : `rsa keys must be <= ${RSA_BITS_MAX} bits`,
    )
  }
  const privateKey = await new Promise<KeyObject>((resolve, reject) => {
    platform().generateKeyPair('rsa', { modulusLength: bits }, (error, _publicKey, key) => {
      if (error === null) resolve(key)
      else reject(error)
    })
  })
  return keyFromObject(privateKey)
}

function publicFromObject(type: 'rsa' | 'ecdsa', key: KeyObject): PublicKey {
  checkRsaSize(key)
  return { type, data: Uint8Array.from(key.export({ type: 'spki', format: 'der' })) }
}

function checkRsaSize(key: KeyObject): void {
  if (key.asymmetricKeyType !== 'rsa') return
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
  if (bits < RSA_BITS_MIN) throw new Failure('failed', `rsa keys must be >= ${RSA_BITS_MIN} bits to be useful`)
  if (bits > RSA_BITS_MAX) throw new Failure('failed', `rsa keys must be <= ${RSA_BITS_MAX} bits`)
}

/** Field 1 is the type, field 2 the data: the one serialization that peer ids are made of. */
function marshal(type: KeyType, data: Uint8Array): Uint8Array {
  const length = data.length < 128 ? [data.length] : [(data.length & 127) | 128, data.length >> 7]
  return Uint8Array.from([0x08, TYPES.indexOf(type), 0x12, ...length, ...data])
}

function unmarshal(bytes: Uint8Array, half: 'private' | 'public'): { type: KeyType; data: Uint8Array } {
  const type = TYPES[bytes[1] ?? 255]
  const low = bytes[3] ?? 0
  const high = low < 128 ? 0 : (bytes[4] ?? 0)
  const from = low < 128 ? 4 : 5
  const length = (low & 127) + high * 128
  if (bytes[0] !== 0x08 || bytes[2] !== 0x12 || type === undefined || high > 127 || bytes.length !== from + length) {
    throw new Failure('failed', `not a ${half} key in the form of libp2p`)
  }
  return { type, data: bytes.slice(from) }
}
