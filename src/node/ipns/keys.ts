import { Failure } from '../../contract/failure.ts'
import { equalBytes } from '../../repo/check.ts'
import { type PrivateKey, peerIdBytes, unmarshalPrivateKey } from '../../repo/keys.ts'
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
    for await (const { key } of allKeys(repo)) if (equalBytes(peerIdBytes(key.publicKey), wanted)) return key
  }
  const cause =
    wanted === undefined ? 'no key by the given name was found' : 'no key by the given name or PeerID was found'
  throw new Failure('not-found', cause, { hint: 'tsipfs key ls shows those there are', data: { name: text } })
}

/** Yields every key of a repo, its own first. */
export async function* allKeys(repo: KeyHolder): AsyncIterable<{ readonly name: string; readonly key: PrivateKey }> {
  yield { name: 'self', key: await selfKey(repo) }
  for (const name of await repo.keystore.list()) {
    yield { name, key: await unmarshalPrivateKey(await repo.keystore.get(name)) }
  }
}
