import { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import type { SourceEntry } from '../contract/source.ts'
import type { ConfigStore, Repo, Waiting } from '../repo/roles.ts'
import { CODECS, decodeValue, encodeNode } from './codecs.ts'
import { NODE_BYTES_MAX } from './dag-model.ts'
import { decodeDagPb } from './dag-pb.ts'
import { dropNullFields, refuseNullFields } from './dag-pb-form.ts'
import { checkCid, digest, hashCode, SHA2_256 } from './hash.ts'
import { codecCode } from './multicodec.ts'

/** The largest block that other peers take. */
export const BLOCK_BYTES_MAX = 2 * 1024 * 1024
/** The largest block that is stored when the limit is lifted. */
export const BIG_BLOCK_BYTES_MAX = 64 * 1024 * 1024

/** Throws `failed` for a block that is larger than other peers take, unless it is allowed. */
export function checkBlockSize(size: number, allowBigBlock: boolean): void {
  if (allowBigBlock ? size <= BIG_BLOCK_BYTES_MAX : size <= BLOCK_BYTES_MAX) return
  if (allowBigBlock) throw new Failure('failed', `block is over ${BIG_BLOCK_BYTES_MAX} bytes`)
  throw new Failure(
    'failed',
    "produced block is over 2MiB: big blocks can't be exchanged with other peers. consider using UnixFS for automatic chunking of bigger files, or pass --allow-big-block to override",
  )
}

/** Returns the whole of a file that was sent along. Throws `failed` when it has more than `bytesMax`. */
export async function readEntry(entry: SourceEntry, bytesMax: number, signal?: AbortSignal): Promise<Uint8Array> {
  if (entry.type !== 'file' || entry.content === undefined) {
    throw new Failure('usage', `${entry.path}: expected a regular file`)
  }
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of entry.content()) {
    signal?.throwIfAborted()
    length += part.length
    if (length > bytesMax) throw new Failure('failed', `${entry.path || 'input'}: more than ${bytesMax} bytes`)
    parts.push(part)
  }
  const [first] = parts
  return parts.length === 1 && first !== undefined ? first : new Uint8Array(Buffer.concat(parts, length))
}

/** Returns the bytes of one block that was sent along. */
export async function readBlock(entry: SourceEntry, allowBigBlock: boolean, signal?: AbortSignal): Promise<Uint8Array> {
  const bytes = await readEntry(entry, BIG_BLOCK_BYTES_MAX, signal)
  checkBlockSize(bytes.length, allowBigBlock)
  return bytes
}

/** What decides the CID of a raw block; names as `block put` takes them. */
export interface BlockCidOptions {
  readonly cidCodec: string
  readonly mhtype?: string | undefined
  readonly mhlen: number
  readonly format?: string | undefined
}

/** Returns a function that makes the CID of a block. Throws `usage` for names that are not known. */
export async function blockCidOf(
  config: Pick<ConfigStore, 'get'>,
  options: BlockCidOptions,
): Promise<(bytes: Uint8Array) => Promise<CID>> {
  const hash = await hashCodeOf(config, exactName(options.mhtype))
  if (hash === BLAKE3 && options.mhlen < -1) throw new Failure('usage', 'a digest cannot have fewer than no bytes')
  const length = options.mhlen < 0 ? undefined : options.mhlen
  const format = options.format ?? ''
  if (format === 'v0') {
    if (hash !== SHA2_256 || (length !== undefined && length !== 32)) {
      throw new Failure('usage', 'only sha2-256-32 is allowed with CIDv0')
    }
    return async bytes => CID.create(0, CODECS['dag-pb'], await digest(SHA2_256, bytes))
  }
  const codec = codecCode(format === '' ? options.cidCodec || 'raw' : (OLD_NAMES.get(format) ?? format))
  return bytes => cidOf(codec, hash, bytes, length)
}

const OLD_NAMES: ReadonlyMap<string, string> = new Map([
  ['protobuf', 'dag-pb'],
  ['cbor', 'dag-cbor'],
])

/** Returns the CIDv1 of bytes. Throws `usage` when it would be refused. */
export async function cidOf(codec: number, hash: number, bytes: Uint8Array, length?: number): Promise<CID> {
  const cid = CID.createV1(codec, await digest(hash, bytes, length))
  checkCid(cid)
  return cid
}

const BLAKE3 = 0x1e

/** Returns the name of a hash function; as in Kubo, blocks and nodes take it in lower case only. */
function exactName(name: string | undefined): string | undefined {
  if (name === undefined || name === name.toLowerCase()) return name
  throw new Failure('usage', `unrecognized multihash function: ${name}`, { hint: 'see tsipfs cid hashes --supported' })
}

/** Returns the hash function by its name, else the one of the config. */
export async function hashCodeOf(config: Pick<ConfigStore, 'get'>, name: string | undefined): Promise<number> {
  const chosen = name === undefined || name === '' ? await config.get('Import.HashFunction') : name
  return typeof chosen === 'string' && chosen !== '' ? hashCode(chosen) : SHA2_256
}

/** Puts a block; it is durable after `flush`. */
export async function storeBlock(
  repo: Pick<Repo, 'blocks'>,
  cid: CID,
  bytes: Uint8Array,
  options: Waiting = {},
): Promise<void> {
  await repo.blocks.put(cid, bytes, { leaf: isLeaf(cid, bytes), signal: options.signal })
}

function isLeaf(cid: CID, bytes: Uint8Array): boolean {
  if (cid.code !== CODECS['dag-pb']) return cid.code === CODECS.raw
  try {
    return decodeDagPb(bytes).links.length === 0
  } catch {
    return false // Any bytes may be stored; who reads them as dag-pb will hear of it.
  }
}

/** How many blocks, and for how long, wait for one flush. */
const BATCH_MAX = 256
const BATCH_MS = 200
/** When no further block comes for so long, those that are there are made durable. */
const IDLE_MS = 5

/**
 * Stores blocks and yields what stands for each, in order, when they are durable and (with `pin`) pinned. Blocks that
 * come quickly are made durable together; none waits for one that is yet to come.
 */
export async function* storeAll<T>(
  repo: Pick<Repo, 'blocks' | 'pins'>,
  blocks: AsyncIterable<{ readonly cid: CID; readonly bytes: Uint8Array; readonly record: T }>,
  options: Waiting & { readonly pin: boolean },
): AsyncIterable<T> {
  const { pin, signal } = options
  let waiting: { cid: CID; record: T }[] = []
  let since = performance.now()
  const finish = async (): Promise<T[]> => {
    await repo.blocks.flush({ signal })
    if (pin) await repo.pins.put(waiting.map(({ cid }) => ({ cid, mode: 'recursive', name: '' })))
    const records = waiting.map(({ record }) => record)
    waiting = []
    since = performance.now()
    return records
  }
  const source = blocks[Symbol.asyncIterator]()
  try {
    for (let next = source.next(); ; ) {
      const due = waiting.length === 0 ? undefined : Math.min(IDLE_MS, since + BATCH_MS - performance.now())
      const result = due === undefined ? await next : await within(next, due)
      if (result === undefined || result.done === true) {
        if (waiting.length > 0) yield* await finish()
        if (result !== undefined) return
        continue
      }
      const { cid, bytes, record } = result.value
      if (waiting.length === 0) since = performance.now()
      await storeBlock(repo, cid, bytes, { signal })
      waiting.push({ cid, record })
      if (waiting.length >= BATCH_MAX) yield* await finish()
      next = source.next()
    }
  } finally {
    await source.return?.()
  }
}

/** Returns what a promise resolves to, or undefined when that takes longer. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>(resolve => {
    timer = setTimeout(() => resolve(undefined), Math.max(0, ms))
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** What decides the CID of a node; names as `dag put` takes them. */
export interface PutNodeOptions {
  readonly inputCodec: string
  readonly storeCodec: string
  readonly hash?: string | undefined
  readonly allowBigBlock: boolean
}

/** Returns a function that turns input in one codec into a block in another, with its CID. Throws `usage` for unknown names. */
export async function nodeWriter(
  config: Pick<ConfigStore, 'get'>,
  options: PutNodeOptions,
): Promise<(input: Uint8Array) => Promise<{ cid: CID; bytes: Uint8Array }>> {
  const from = codecCode(options.inputCodec)
  const to = codecCode(options.storeCodec)
  const hash = await hashCodeOf(config, exactName(options.hash))
  return async input => {
    const value = await decodeValue(from, input)
    if (to === CODECS['dag-pb'] && from !== to) refuseNullFields(value)
    if (from === CODECS['dag-pb'] && from !== to) dropNullFields(value)
    const bytes = await encodeNode(to, value)
    checkBlockSize(bytes.length, options.allowBigBlock)
    return { cid: await cidOf(to, hash, bytes), bytes }
  }
}

/** The largest input of `dag put`. */
export const PUT_BYTES_MAX = NODE_BYTES_MAX
