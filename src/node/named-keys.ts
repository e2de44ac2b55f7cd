import { Failure } from '../contract/failure.ts'
import {
  generateKey,
  marshalPrivateKey,
  type PrivateKey,
  type PublicKey,
  peerIdBytes,
  unmarshalPrivateKey,
  unmarshalPublicKey,
} from '../repo/keys.ts'
import type { Repo } from '../repo/roles.ts'
import { findKey, selfKey } from './ipns/keys.ts'
import { nameOrNothing } from './ipns/name.ts'
import { formatPeerId } from './peer-id.ts'
import { isSignedBy, signWith } from './signing.ts'

/** Forms in which keys leave and enter the keystore. */
export const KEY_FORMATS = ['libp2p-protobuf-cleartext', 'pem-pkcs8-cleartext'] as const
export type KeyFormat = (typeof KEY_FORMATS)[number]

/** A key as Kubo names it in answers. */
export interface KeyRecord {
  readonly Name: string
  readonly Id: string
}

type KeyHolder = Pick<Repo, 'config' | 'keystore'>

/** So that nobody is tricked into signing something that means something elsewhere. */
const SIGNED_PREFIX = 'libp2p-key signed message:'
const TYPES_USUAL: readonly string[] = ['rsa', 'ed25519', 'secp256k1']

/** Returns the record of a key, its id in an encoding. */
export function keyRecord(Name: string, { publicKey }: { readonly publicKey: PublicKey }, base: string): KeyRecord {
  return { Name, Id: formatPeerId(peerIdBytes(publicKey), base) }
}

/** Makes a key and stores it. Throws `failed` when the name is taken, `usage` for a kind or size that cannot be. */
export async function makeKey(
  { keystore }: KeyHolder,
  name: string,
  options: { type: string; size: number | undefined; encrypt: boolean },
): Promise<PrivateKey> {
  refuseSelf(name, 'create')
  await refuseTaken(keystore, name)
  const key = await generateKey(options.type, options.size)
  await keystore.put(name, marshalPrivateKey(key), { encrypt: options.encrypt })
  return key
}

/** Stores a key that was brought along. Kinds that `key gen` does not make are refused unless `anyType` is set. */
export async function importKey(
  { keystore }: KeyHolder,
  name: string,
  bytes: Uint8Array,
  options: { format: KeyFormat; anyType: boolean; encrypt: boolean },
): Promise<PrivateKey> {
  const key = await readKey(bytes, options.format)
  if (!options.anyType && !TYPES_USUAL.includes(key.type)) {
    throw new Failure(
      'failed',
      `key type ${key.type} is not allowed to be imported, only RSA, Ed25519, or Secp256k1; use flag --allow-any-key-type if you are sure of what you're doing`,
    )
  }
  await refuseTaken(keystore, name)
  await keystore.put(name, marshalPrivateKey(key), { encrypt: options.encrypt })
  return key
}

/** Returns a stored key in a form for others. */
export async function exportKey({ keystore }: KeyHolder, name: string, format: KeyFormat): Promise<Uint8Array> {
  refuseSelf(name, 'export')
  await requireKey(keystore, name, `key with name '${name}' doesn't exist`)
  const bytes = await keystore.get(name)
  if (format === 'libp2p-protobuf-cleartext') return bytes
  const { keyToPem } = await import('../repo/key-pem.ts')
  return new TextEncoder().encode(await keyToPem(await unmarshalPrivateKey(bytes)))
}

/** Yields every key, `self` first, then by name; what cannot be read is left out. */
export async function* listKeys(repo: KeyHolder, base: string): AsyncIterable<KeyRecord> {
  yield keyRecord('self', await selfKey(repo), base)
  for (const name of await repo.keystore.list()) {
    try {
      yield keyRecord(name, { publicKey: unmarshalPublicKey(await repo.keystore.publicKey(name)) }, base)
    } catch (error) {
      // One broken file, or one that another process has just removed, hides none of the others.
      if (!(error instanceof Failure)) throw error
    }
  }
}

/** Removes a key, and returns what it was. Throws `not-found`. */
export async function removeKey({ keystore }: KeyHolder, name: string, base: string): Promise<KeyRecord> {
  refuseSelf(name, 'remove')
  const publicKey = unmarshalPublicKey(await keystore.publicKey(name))
  await keystore.delete(name)
  return keyRecord(name, { publicKey }, base)
}

/** Gives a key another name, and returns it, and whether another key had that name. */
export async function renameKey(
  { keystore }: KeyHolder,
  from: string,
  to: string,
  options: { force: boolean; base: string },
): Promise<{ Was: string; Now: string; Id: string; Overwrite: boolean }> {
  refuseSelf(from, 'rename')
  if (to === 'self') throw new Failure('failed', "cannot overwrite key with name 'self'")
  const publicKey = unmarshalPublicKey(await keystore.publicKey(from))
  const { Id } = keyRecord(to, { publicKey }, options.base)
  const Overwrite = options.force && from !== to && (await keystore.list()).includes(to)
  if (from !== to) await keystore.rename(from, to, { replace: options.force })
  return { Was: from, Now: to, Id, Overwrite }
}

/** Returns the signature of data, and the key that made it. */
export async function signData(
  repo: KeyHolder,
  name: string,
  data: Uint8Array,
): Promise<{ key: PrivateKey; signature: Uint8Array }> {
  const key = await findKey(repo, name)
  return { key, signature: await signWith(key, prefixed(data)) }
}

/** Returns whether a signature is that of a key: one of the repo, or any whose peer id holds the public key. */
export async function verifyData(
  repo: KeyHolder,
  name: string,
  data: Uint8Array,
  signature: Uint8Array,
): Promise<{ name: string; publicKey: PublicKey; isValid: boolean }> {
  const { known, publicKey } = await verifyingKey(repo, name)
  return { name: known, publicKey, isValid: await isSignedBy(publicKey, prefixed(data), signature) }
}

async function verifyingKey(repo: KeyHolder, name: string): Promise<{ known: string; publicKey: PublicKey }> {
  if (name === 'self') return { known: name, publicKey: (await selfKey(repo)).publicKey }
  if ((await repo.keystore.list()).includes(name)) {
    return { known: name, publicKey: unmarshalPublicKey(await repo.keystore.publicKey(name)) }
  }
  const hash = nameOrNothing(name)
  if (hash === undefined) {
    throw new Failure('not-found', `'${JSON.stringify(name)}' is not a known key, an IPNS Name, or a valid PeerID`)
  }
  // A short public key stands in the peer id as it is; of a longer one there is but the hash.
  if (hash[0] !== 0) throw new Failure('failed', 'public key is not embedded in peer ID')
  return { known: '', publicKey: unmarshalPublicKey(hash.subarray(2)) }
}

async function readKey(bytes: Uint8Array, format: KeyFormat): Promise<PrivateKey> {
  const { holdsPem, keyFromPem } = await import('../repo/key-pem.ts')
  const text = Buffer.from(bytes).toString('latin1')
  if (format === 'pem-pkcs8-cleartext') return await keyFromPem(text)
  try {
    return await unmarshalPrivateKey(bytes)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    if (holdsPem(text)) {
      throw new Failure('usage', `unexpected PEM block for format=${format}: try again with format=pem-pkcs8-cleartext`)
    }
    throw new Failure('usage', `unable to unmarshall format=${format}: ${error.message}`, { cause: error })
  }
}

/** Refuses what would change or show the repo's own key. */
export function refuseSelf(name: string, verb: string): void {
  if (name === 'self') throw new Failure('failed', `cannot ${verb} key with name 'self'`)
}

async function refuseTaken(keystore: Repo['keystore'], name: string): Promise<void> {
  if ((await keystore.list()).includes(name)) throw new Failure('failed', `key with name '${name}' already exists`)
}

async function requireKey(keystore: Repo['keystore'], name: string, message: string): Promise<void> {
  if ((await keystore.list()).includes(name)) return
  throw new Failure('not-found', message, { hint: 'tsipfs key ls shows those there are' })
}

function prefixed(data: Uint8Array): Uint8Array {
  return Uint8Array.from(Buffer.concat([Buffer.from(SIGNED_PREFIX), data]))
}
