import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { Failure, systemFailure } from '../contract/failure.ts'

/** Stands at the beginning of an encrypted key; no key in libp2p's form begins so. */
const MAGIC = 'tsipfs encrypted key 1\n'
const CIPHER = 'aes-256-gcm'
const KEY_BYTES = 32
const SALT_BYTES = 16
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** 64 MiB and about 0.2 s for each guess. */
const COST = { N: 65_536, r: 8, p: 1 }
/** What a file may ask for: 512 MiB. */
const COST_MEMORY_BYTES_MAX = 512 * 1024 * 1024
const COST_PARALLEL_MAX = 4
const PASSPHRASE_BYTES_MAX = 64 * 1024

/** How the passphrase is to be had: never by asking, so that scripts never hang. */
export const PASSPHRASE_HINT =
  'set TSIPFS_KEY_PASSPHRASE, or TSIPFS_KEY_PASSPHRASE_FILE or TSIPFS_KEY_PASSPHRASE_FD to where it can be read'

type Env = Readonly<Record<string, string | undefined>>

/** Where a passphrase comes from. It is read once, when it is first needed. */
export class Passphrase {
  readonly #env: Env
  #read: Promise<Uint8Array | undefined> | undefined

  constructor(env: Env) {
    this.#env = env
  }

  /** Returns the passphrase; undefined when none was given. Throws `usage` for one that is empty. */
  find(): Promise<Uint8Array | undefined> {
    this.#read ??= this.#find()
    return this.#read
  }

  async #find(): Promise<Uint8Array | undefined> {
    const { TSIPFS_KEY_PASSPHRASE: text, TSIPFS_KEY_PASSPHRASE_FILE: file, TSIPFS_KEY_PASSPHRASE_FD: fd } = this.#env
    let bytes: Uint8Array
    if (text !== undefined) bytes = new TextEncoder().encode(text)
    else if (file !== undefined) bytes = await readFile(file).catch(refused(file))
    else if (fd !== undefined) bytes = readDescriptor(fd)
    else return undefined
    // A file that was written with an editor ends with a newline that nobody typed on purpose.
    const passphrase = Buffer.from(bytes)
      .toString('utf8')
      .replace(/\r?\n$/, '')
    if (passphrase === '') throw new Failure('usage', 'the passphrase for keys is empty', { hint: PASSPHRASE_HINT })
    if (bytes.length > PASSPHRASE_BYTES_MAX) throw new Failure('usage', 'the passphrase for keys is too long')
    // The same text may be written in two ways; both are the same passphrase.
    return new TextEncoder().encode(passphrase.normalize('NFC'))
  }
}

function refused(subject: string): (error: unknown) => never {
  return error => {
    throw systemFailure(error, subject)
  }
}

function readDescriptor(text: string): Uint8Array {
  const fd = Number(text)
  if (!Number.isInteger(fd) || fd < 0) {
    throw new Failure('usage', `TSIPFS_KEY_PASSPHRASE_FD: "${text}" is no file descriptor`)
  }
  try {
    return readFileSync(fd)
  } catch (error) {
    throw new Failure('usage', `TSIPFS_KEY_PASSPHRASE_FD: file descriptor ${fd} cannot be read`, { cause: error })
  }
}

/** What stands in front of the encrypted bytes, in the clear but authenticated. */
interface Header {
  readonly kdf: 'scrypt'
  readonly N: number
  readonly r: number
  readonly p: number
  readonly salt: string
  readonly nonce: string
  /** The public key in libp2p's form, in base64: a key can be listed without its passphrase. */
  readonly publicKey: string
}

/** Returns a private key encrypted: the header on a line of JSON, then AES-256-GCM of the key under scrypt of the passphrase. */
export async function encryptKey(
  privateKey: Uint8Array,
  publicKey: Uint8Array,
  passphrase: Uint8Array,
): Promise<Uint8Array> {
  const [salt, nonce] = [randomBytes(SALT_BYTES), randomBytes(NONCE_BYTES)]
  const header: Header = {
    ...{ kdf: 'scrypt', ...COST, salt: salt.toString('base64'), nonce: nonce.toString('base64') },
    publicKey: Buffer.from(publicKey).toString('base64'),
  }
  const clear = Buffer.from(`${MAGIC}${JSON.stringify(header)}\n`)
  const cipher = createCipheriv(CIPHER, await deriveKey(passphrase, salt, COST), nonce)
  cipher.setAAD(clear)
  return Uint8Array.from(Buffer.concat([clear, cipher.update(privateKey), cipher.final(), cipher.getAuthTag()]))
}

/** Returns the private key of encrypted bytes. Throws `failed` for a wrong passphrase, or when a bit was changed. */
export async function decryptKey(bytes: Uint8Array, passphrase: Uint8Array): Promise<Uint8Array> {
  const { header, clear, rest } = split(bytes)
  if (rest.length < TAG_BYTES) throw damaged()
  const salt = Buffer.from(header.salt, 'base64')
  const decipher = createDecipheriv(
    CIPHER,
    await deriveKey(passphrase, salt, header),
    Buffer.from(header.nonce, 'base64'),
  )
  decipher.setAAD(clear)
  decipher.setAuthTag(rest.subarray(-TAG_BYTES))
  try {
    return Uint8Array.from(Buffer.concat([decipher.update(rest.subarray(0, -TAG_BYTES)), decipher.final()]))
  } catch (error) {
    throw new Failure('failed', 'wrong passphrase, or the key was changed on disk', { cause: error })
  }
}

/** Returns the public key of encrypted bytes, in libp2p's form. It is not checked: only decrypting does that. */
export function publicKeyOf(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(Buffer.from(split(bytes).header.publicKey, 'base64'))
}

function split(bytes: Uint8Array): { header: Header; clear: Uint8Array; rest: Uint8Array } {
  const end = bytes.indexOf(0x0a, MAGIC.length) + 1
  if (end === 0) throw damaged()
  let header: unknown
  try {
    header = JSON.parse(Buffer.from(bytes.subarray(MAGIC.length, end)).toString('utf8'))
  } catch (error) {
    throw damaged(error)
  }
  if (!isHeader(header)) throw damaged()
  return { header, clear: bytes.subarray(0, end), rest: bytes.subarray(end) }
}

function isHeader(value: unknown): value is Header {
  if (typeof value !== 'object' || value === null) return false
  const { kdf, N, r, p, salt, nonce, publicKey }: Partial<Record<string, unknown>> = { ...value }
  const isBounded =
    [N, r, p].every(number => Number.isInteger(number) && Number(number) > 0) &&
    128 * Number(N) * Number(r) <= COST_MEMORY_BYTES_MAX &&
    Number(p) <= COST_PARALLEL_MAX
  const isText = typeof salt === 'string' && typeof nonce === 'string' && typeof publicKey === 'string'
  return kdf === 'scrypt' && isBounded && isText && Buffer.from(String(nonce), 'base64').length === NONCE_BYTES
}

function deriveKey(
  passphrase: Uint8Array,
  salt: Uint8Array,
  { N, r, p }: { readonly N: number; readonly r: number; readonly p: number },
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(passphrase, salt, KEY_BYTES, { N, r, p, maxmem: 2 * COST_MEMORY_BYTES_MAX }, (error, key) => {
      // Without a failure one runtime says null, the other undefined.
      if (error instanceof Error) reject(error)
      else resolve(key)
    })
  })
}

function damaged(cause?: unknown): Failure {
  return new Failure('failed', 'an encrypted key in the keystore is damaged', { cause })
}
