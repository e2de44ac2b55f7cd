import { join } from 'node:path'
import { base32 } from 'multiformats/bases/base32'
import { errorCode, Failure, systemFailure } from '../contract/failure.ts'
import { syncFolder } from './durable.ts'
import type { Passphrase } from './key-encryption.ts'
import { layoutOf } from './layout.ts'
import { writeWhole } from './replace-file.ts'
import type { Keystore } from './roles.ts'

/** Stands before the base32 of a key's name in the name of its file, as in Kubo's keystore. */
const PREFIX = 'key_'
/** With the prefix and base32 this fills a file name. */
const NAME_BYTES_MAX = 156
const KEY_BYTES_MAX = 64 * 1024

type Env = Readonly<Record<string, string | undefined>>

/** Returns the keystore of the repo at `path`. Nothing is read before it is asked for, the passphrase in `env` neither. */
export function openKeystore(path: string, env: Env = {}): Keystore {
  return new KeyFolder(layoutOf(path).keystore, env)
}

class KeyFolder implements Keystore {
  readonly #folder: string
  readonly #env: Env
  #passphrase: Passphrase | undefined

  constructor(folder: string, env: Env) {
    this.#folder = folder
    this.#env = env
  }

  async get(name: string): Promise<Uint8Array> {
    const bytes = await this.#read(name)
    if (!startsAsEncrypted(bytes)) return bytes
    const { decryptKey } = await import('./key-encryption.ts')
    return await decryptKey(bytes, await this.#secret(`the key ${name} is encrypted, and no passphrase was given`))
  }

  async publicKey(name: string): Promise<Uint8Array> {
    const bytes = await this.#read(name)
    if (startsAsEncrypted(bytes)) return (await import('./key-encryption.ts')).publicKeyOf(bytes)
    const { marshalPublicKey, unmarshalPrivateKey } = await import('./keys.ts')
    return marshalPublicKey((await unmarshalPrivateKey(bytes)).publicKey)
  }

  async isEncrypted(name: string): Promise<boolean> {
    return startsAsEncrypted(await this.#read(name))
  }

  async #secret(problem: string): Promise<Uint8Array> {
    const { Passphrase, PASSPHRASE_HINT } = await import('./key-encryption.ts')
    this.#passphrase ??= new Passphrase(this.#env)
    const secret = await this.#passphrase.find()
    if (secret === undefined) throw new Failure('failed', problem, { hint: PASSPHRASE_HINT })
    return secret
  }

  async #encrypt(privateKey: Uint8Array): Promise<Uint8Array> {
    const [{ encryptKey }, { marshalPublicKey, unmarshalPrivateKey }] = await Promise.all([
      import('./key-encryption.ts'),
      import('./keys.ts'),
    ])
    const secret = await this.#secret('a key can only be encrypted with a passphrase, and none was given')
    const { publicKey } = await unmarshalPrivateKey(privateKey)
    return await encryptKey(privateKey, marshalPublicKey(publicKey), secret)
  }

  async #read(name: string): Promise<Uint8Array> {
    const file = this.#file(name)
    const { readFile, stat } = await files()
    try {
      const { size } = await stat(file)
      if (size > KEY_BYTES_MAX) throw new Failure('failed', `the key ${name} is larger than ${KEY_BYTES_MAX} bytes`)
      return Uint8Array.from(await readFile(file))
    } catch (error) {
      if (errorCode(error) === 'ENOENT') throw missing(name)
      throw systemFailure(error, file)
    }
  }

  async put(
    name: string,
    privateKey: Uint8Array,
    options: { replace?: boolean; encrypt?: boolean } = {},
  ): Promise<void> {
    await this.#write(name, options.encrypt === true ? await this.#encrypt(privateKey) : privateKey, options)
  }

  async #write(name: string, bytes: Uint8Array, options: { replace?: boolean }): Promise<void> {
    const file = this.#file(name)
    const { mkdir } = await files()
    await mkdir(this.#folder, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
      throw systemFailure(error, this.#folder)
    })
    if (!(await writeWhole(file, bytes, { exclusive: options.replace !== true }))) throw taken(name)
  }

  async delete(name: string): Promise<void> {
    const file = this.#file(name)
    const { unlink } = await files()
    try {
      await unlink(file)
      await syncFolder(this.#folder)
    } catch (error) {
      if (errorCode(error) === 'ENOENT') throw missing(name)
      throw systemFailure(error, file)
    }
  }

  async rename(from: string, to: string, options: { replace?: boolean } = {}): Promise<void> {
    if (options.replace === true) {
      const { rename } = await files()
      try {
        await rename(this.#file(from), this.#file(to))
        await syncFolder(this.#folder)
      } catch (error) {
        if (errorCode(error) === 'ENOENT') throw missing(from)
        throw systemFailure(error, this.#file(from))
      }
      return
    }
    // Under both names for a moment rather than under none.
    await this.#write(to, await this.#read(from), {})
    await this.delete(from)
  }

  async list(): Promise<string[]> {
    const { readdir } = await files()
    let stored: string[]
    try {
      stored = await readdir(this.#folder)
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return []
      throw systemFailure(error, this.#folder)
    }
    const names = stored.map(nameOfFile).filter(name => name !== undefined)
    return names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  }

  #file(name: string): string {
    if (name === '') throw new Failure('usage', 'invalid key name: it is empty')
    const bytes = new TextEncoder().encode(name)
    if (bytes.length > NAME_BYTES_MAX) {
      throw new Failure('usage', `invalid key name: it is longer than ${NAME_BYTES_MAX} bytes`)
    }
    return join(this.#folder, PREFIX + base32.baseEncode(bytes))
  }
}

/** Every repo has a keystore, and few commands look into it: what reads files is loaded then. */
function files(): Promise<typeof import('node:fs/promises')> {
  return import('node:fs/promises')
}

/** A key in libp2p's form begins with the byte 8; one that is encrypted with a letter. */
function startsAsEncrypted(bytes: Uint8Array): boolean {
  return bytes[0] === 't'.charCodeAt(0)
}

function nameOfFile(file: string): string | undefined {
  if (!file.startsWith(PREFIX)) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(base32.baseDecode(file.slice(PREFIX.length).toLowerCase()))
  } catch {
    // Some other file that lies in the folder.
    return undefined
  }
}

function missing(name: string): Failure {
  return new Failure('not-found', `no key named ${name} was found`, { hint: 'tsipfs key ls shows those there are' })
}

function taken(name: string): Failure {
  return new Failure('failed', `key with name '${name}' already exists`, { hint: 'choose another name' })
}
