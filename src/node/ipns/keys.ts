import { Failure } from '../../contract/failure.ts'
import { equalBytes } from '../../repo/check.ts'
import { type PrivateKey, peerIdBytes, unmarshalPrivateKey, unmarshalPublicKey } from '../../repo/keys.ts'
import type { Repo } from '../../repo/roles.ts'
import { nameOrNothing } from './name.ts'

type KeyHolder = Pick<Repo, 'config' | 'keystore'>

/** Returns the key that stands for the repo itself. */
export async function selfKey({ config }: Pick<Repo, 'config'>): Promise<PrivateKey> {
  const text = await config.get('Identity.PrivKey')
  if (typeof text !== 'string' || text === '') throw new Failure('failed', 'the config has no Identity.PrivKey')
  return await unmarshalPrivateKey(Uint8Array.from(Buffer.from(text, 'base64')))
}

/** Returns the multihash of the repo's own name. */
export async function selfName(repo: Pick<Repo, 'config'>): Promise<Uint8Array> {
  return peerIdBytes((await selfKey(repo)).publicKey)
}

/** Returns a key by its name, `self`, or the peer id that belongs to it. Throws `not-found`. */
export async function findKey(repo: KeyHolder, text: string): Promise<PrivateKey> {
  if (text === 'self') return await selfKey(repo)
  const names = await repo.keystore.list()
  if (names.includes(text)) return await unmarshalPrivateKey(await repo.keystore.get(text))
  const wanted = nameOrNothing(text)
  if (wanted !== undefined) {
    const self = await selfKey(repo)
    if (equalBytes(peerIdBytes(self.publicKey), wanted)) return self
    for (const name of names) {
      const publicKey = unmarshalPublicKey(await repo.keystore.publicKey(name))
      if (equalBytes(peerIdBytes(publicKey), wanted)) return await unmarshalPrivateKey(await repo.keystore.get(name))
    }
  }
  const cause =
    wanted === undefined ? 'no key by the given name was found' : 'no key by the given name or PeerID was found'
  throw new Failure('not-found', cause, { hint: 'tsipfs key ls shows those there are', data: { name: text } })
}

/** Yields every key of a repo that can be read, its own first: those that are encrypted need their passphrase. */
export async function* allKeys(repo: KeyHolder): AsyncIterable<{ readonly name: string; readonly key: PrivateKey }> {
  yield { name: 'self', key: await selfKey(repo) }
  for (const name of await repo.keystore.list()) {
    const key = await readableKey(repo, name)
    if (key !== undefined) yield { name, key }
  }
}

async function readableKey({ keystore }: KeyHolder, name: string): Promise<PrivateKey | undefined> {
  try {
    return await unmarshalPrivateKey(await keystore.get(name))
  } catch (error) {
    if (error instanceof Failure && (await keystore.isEncrypted(name))) return undefined
    throw error
  }
}
