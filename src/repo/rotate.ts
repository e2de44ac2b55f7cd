import { Failure } from '../contract/failure.ts'
import { isObject } from './config-values.ts'
import { createIdentity } from './init.ts'
import { layoutOf } from './layout.ts'
import { KernelLock } from './locks.ts'
import type { Repo } from './roles.ts'

/**
 * Gives a repo a new identity, and returns its peer id. The old key is stored in the keystore first, so that it is lost
 * at no moment. Throws `failed` while a daemon runs, and when the name for the old key is taken.
 */
export async function rotateIdentity(
  { config, keystore, path }: Pick<Repo, 'config' | 'keystore' | 'path'>,
  oldName: string,
  options: { type: string; size: number | undefined; report: (text: string) => void },
): Promise<string> {
  using lock = KernelLock.tryExclusive(layoutOf(path).daemonLock)
  if (lock === undefined) {
    throw new Failure('failed', 'a daemon is running on the repo. please stop it to run this command', {
      hint: 'end it with: tsipfs daemon stop',
    })
  }
  const identity = (await config.readFile()).Identity
  const old = isObject(identity) && typeof identity.PrivKey === 'string' ? identity.PrivKey : ''
  if (old === '') throw new Failure('failed', 'the config holds no Identity.PrivKey')
  if ((await keystore.list()).includes(oldName)) {
    throw new Failure('failed', `key with name '${oldName}' already exists`, { hint: 'choose another name' })
  }
  const made = await createIdentity(options.type, options.size, options.report)
  await keystore.put(oldName, Uint8Array.from(Buffer.from(old, 'base64')))
  await config.update(present => ({ ...present, Identity: { PeerID: made.peerId, PrivKey: made.privateKey } }))
  return made.peerId
}
