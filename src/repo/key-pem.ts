import { createPrivateKey, type KeyObject } from 'node:crypto'
import { Failure } from '../contract/failure.ts'
import { keyFromObject, type PrivateKey, secp256k1Key } from './keys.ts'

const LABEL = 'PRIVATE KEY'
const LINE_LENGTH = 64
/** RFC 5208 with RFC 5915 inside, up to the 32 bytes of the key and between them and its point: as Kubo writes them. */
const SECP256K1_HEAD = Buffer.from('308184020100301006072a8648ce3d020106052b8104000a046d306b0201010420', 'hex')
const SECP256K1_MIDDLE = Buffer.from('a144034200', 'hex')
/** The object identifiers of an elliptic curve key, and of the curve. */
const SECP256K1_ALGORITHM = Buffer.from('06072a8648ce3d020106052b8104000a', 'hex')

/** Returns a private key as PKCS #8 in PEM (RFC 7468). */
export async function keyToPem(key: PrivateKey): Promise<string> {
  const der =
    key.type === 'secp256k1' ? await secp256k1Der(key.data) : keyObject(key).export({ type: 'pkcs8', format: 'der' })
  const lines = der.toString('base64').match(new RegExp(`.{1,${LINE_LENGTH}}`, 'g')) ?? []
  return [`-----BEGIN ${LABEL}-----`, ...lines, `-----END ${LABEL}-----`, ''].join('\n')
}

/** Returns the private key of a PEM. Throws `usage` in Kubo's words when it is none. */
export async function keyFromPem(text: string): Promise<PrivateKey> {
  const block = pemBlock(text)
  if (block === undefined) throw new Failure('usage', 'PEM block not found in input data')
  if (block.label !== LABEL) {
    const hint = block.label.includes('PRIVATE KEY') ? 'convert it with: openssl pkcs8 -topk8 -nocrypt' : undefined
    throw new Failure('usage', `expected PRIVATE KEY type in PEM block but got: ${block.label}`, { hint })
  }
  const secret = secp256k1Secret(block.der)
  if (secret !== undefined) return await secp256k1Key(secret)
  try {
    return keyFromObject(createPrivateKey({ key: block.der, format: 'der', type: 'pkcs8' }))
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure('usage', 'parsing PKCS8 format: this is no private key that is known here', { cause: error })
  }
}

/** Returns true when there is a PEM block, of whatever kind. */
export function holdsPem(text: string): boolean {
  return pemBlock(text) !== undefined
}

function pemBlock(text: string): { label: string; der: Buffer } | undefined {
  const match = /-----BEGIN ([A-Z0-9 ]{1,64})-----\s*([A-Za-z0-9+/=\s]*?)-----END \1-----/.exec(text)
  if (match === null) return undefined
  return { label: match[1] ?? '', der: Buffer.from((match[2] ?? '').replaceAll(/\s/g, ''), 'base64') }
}

/** Returns the key as node:crypto holds it. */
function keyObject({ type, data }: PrivateKey): KeyObject {
  if (type === 'ed25519') {
    const d = Buffer.from(data.subarray(0, 32)).toString('base64url')
    const x = Buffer.from(data.subarray(32, 64)).toString('base64url')
    return createPrivateKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', d, x } })
  }
  return createPrivateKey({ key: Buffer.from(data), format: 'der', type: type === 'rsa' ? 'pkcs1' : 'sec1' })
}

async function secp256k1Der(secret: Uint8Array): Promise<Buffer> {
  const { secp256k1 } = await import('@noble/curves/secp256k1.js')
  return Buffer.concat([SECP256K1_HEAD, secret, SECP256K1_MIDDLE, secp256k1.getPublicKey(secret, false)])
}

/** Returns the 32 bytes of a secp256k1 key, which not every runtime can read; undefined when it is another key. */
function secp256k1Secret(der: Buffer): Uint8Array | undefined {
  const outer = readDer(der, 0x30)
  const version = outer && readDer(outer.content, 0x02)
  const algorithm = version && readDer(version.rest, 0x30)
  if (algorithm === undefined || !algorithm.content.equals(SECP256K1_ALGORITHM)) return undefined
  const wrapped = readDer(algorithm.rest, 0x04)
  const inner = wrapped && readDer(wrapped.content, 0x30)
  const innerVersion = inner && readDer(inner.content, 0x02)
  const secret = innerVersion && readDer(innerVersion.rest, 0x04)
  if (secret === undefined || secret.content.length > 32) {
    throw new Failure('usage', 'parsing PKCS8 format: invalid EC private key')
  }
  return Uint8Array.from(Buffer.concat([Buffer.alloc(32 - secret.content.length), secret.content]))
}

/** Returns content and rest of the DER value at the beginning of `bytes` when it has that tag. */
function readDer(bytes: Buffer, tag: number): { content: Buffer; rest: Buffer } | undefined {
  if (bytes[0] !== tag || bytes.length < 2) return undefined
  const first = bytes[1] ?? 0
  const lengthBytes = first < 0x80 ? 0 : first - 0x80
  if (lengthBytes > 3 || bytes.length < 2 + lengthBytes) return undefined
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(2, lengthBytes)
  const from = 2 + lengthBytes
  if (bytes.length < from + length) return undefined
  return { content: bytes.subarray(from, from + length), rest: bytes.subarray(from + length) }
}
