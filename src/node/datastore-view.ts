import { base32upper } from 'multiformats/bases/base32'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { Failure } from '../contract/failure.ts'
import type { Repo, Waiting } from '../repo/roles.ts'

const RAW = 0x55
/** Where Kubo's datastore has the blocks, each by the base32 of its multihash. */
const BLOCKS = '/blocks'

type Store = Pick<Repo, 'blocks' | 'values'>

/** Returns a key as Kubo's datastore cleans it: one slash in front, none at the end, none doubled. */
export function cleanKey(key: string): string {
  return `/${key
    .split('/')
    .filter(part => part !== '' && part !== '.')
    .join('/')}`
}

/** Returns what is stored at a key: a small value of the repo, or a block. Throws `not-found`. */
export async function readKey({ blocks, values }: Store, key: string, options: Waiting = {}): Promise<Uint8Array> {
  const clean = cleanKey(key)
  const hash = blockHash(clean)
  if (hash !== undefined) return await blocks.get(hash, options)
  const value = await values.get(clean)
  if (value === undefined) throw new Failure('not-found', `key not found: ${key}`)
  return value
}

/** Stores a small value at a key. Throws `usage` where the blocks are: they have names of their own. */
export async function writeKey({ values }: Store, key: string, value: Uint8Array): Promise<void> {
  const clean = cleanKey(key)
  if (clean === '/') throw new Failure('usage', 'the key is empty')
  if (clean === BLOCKS || clean.startsWith(`${BLOCKS}/`)) {
    throw new Failure('usage', 'blocks cannot be written by their keys', { hint: 'store them with: tsipfs block put' })
  }
  await values.put(clean, value)
}

/** Returns how many keys lie below a prefix: small values, and blocks below /blocks. */
export async function countKeys({ blocks, values }: Store, prefix: string, options: Waiting = {}): Promise<number> {
  const clean = cleanKey(prefix)
  let count = 0
  for await (const _ of values.list(clean === '/' ? clean : `${clean}/`)) {
    options.signal?.throwIfAborted()
    count += 1
  }
  if (clean === '/' || clean === BLOCKS) for await (const _ of blocks.list(options)) count += 1
  return count
}

function blockHash(key: string): CID | undefined {
  if (!key.startsWith(`${BLOCKS}/`)) return undefined
  try {
    return CID.createV1(RAW, Digest.decode(base32upper.baseDecode(key.slice(BLOCKS.length + 1))))
  } catch (error) {
    throw new Failure('not-found', `key not found: ${key}`, { cause: error })
  }
}

/** Returns bytes as Go's `hex.Dump` writes them. */
export function hexDump(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)]
    const cells = Array.from({ length: 16 }, (_, column) => row[column]?.toString(16).padStart(2, '0') ?? '  ')
    const letters = row.map(byte => (byte < 0x20 || byte > 0x7e ? '.' : String.fromCharCode(byte))).join('')
    const halves = `${cells.slice(0, 8).join(' ')}  ${cells.slice(8).join(' ')}`
    text += `${at.toString(16).padStart(8, '0')}  ${halves}  |${letters}|\n`
  }
  return text
}
