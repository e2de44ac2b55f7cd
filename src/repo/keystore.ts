import { mkdir, readdir, readFile, rename, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { base32 } from 'multiformats/bases/base32'
import { errorCode, Failure, systemFailure } from '../contract/failure.ts'
import { syncFolder } from './durable.ts'
import { layoutOf } from './layout.ts'
import { writeWhole } from './replace-file.ts'
import type { Keystore } from './roles.ts'

/** Stands before the base32 of a key's name in the name of its file, as in Kubo's keystore. */
const PREFIX = 'key_'
/** With the prefix and base32 this fills a file name. */
const NAME_BYTES_MAX = 156
const KEY_BYTES_MAX = 64 * 1024

/** Returns the keystore of the repo at `path`. Nothing is read before it is asked for. */
export function openKeystore(path: string): Keystore {
  return new KeyFolder(layoutOf(path).keystore)
}

class KeyFolder implements Keystore {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  async get(name: string): Promise<Uint8Array> {
    const file = this.#file(name)
    try {
      const { size } = await stat(file)
      if (size > KEY_BYTES_MAX) throw new Failure('failed', `the key ${name} is larger than ${KEY_BYTES_MAX} bytes`)
      return Uint8Array.from(await readFile(file))
    } catch (error) {
      if (errorCode(error) === 'ENOENT') throw missing(name)
      throw systemFailure(error, file)
    }
  }

  async put(name: string, privateKey: Uint8Array, options: { replace?: boolean } = {}): Promise<void> {
    const file = this.#file(name)
    await mkdir(this.#folder, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
      throw systemFailure(error, this.#folder)
    })
    if (!(await writeWhole(file, privateKey, { exclusive: options.replace !== true }))) throw taken(name)
  }

  async delete(name: string): Promise<void> {
    const file = this.#file(name)
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
    await this.put(to, await this.get(from))
    await this.delete(from)
  }

  async list(): Promise<string[]> {
    let files: string[]
    try {
      files = await readdir(this.#folder)
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return []
      throw systemFailure(error, this.#folder)
    }
    const names = files.map(nameOfFile).filter(name => name !== undefined)
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
