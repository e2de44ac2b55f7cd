import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { base32 } from 'multiformats/bases/base32'
import type { CID } from 'multiformats/cid'
import { errorCode, Failure, systemFailure } from '../contract/failure.ts'
import { Breath } from '../repo/pause.ts'
import { MFS_ROOT_KEY, type Repo } from '../repo/roles.ts'
import { decodeDagPb } from './dag-pb.ts'
import { checkBlock } from './hash.ts'
import { diskSource, type KuboBlock, type KuboSource, type KuboState } from './import-kubo-source.ts'

export interface KuboImportOptions {
  /** Take over the config, but for the identity, the addresses of the API and gateway, and the datastore. */
  readonly config: boolean
  /** Take over the identity too. */
  readonly identity: boolean
  readonly signal?: AbortSignal | undefined
}

/** What was moved. */
export interface KuboSummary {
  readonly blocks: number
  /** Blocks that were here already. */
  readonly present: number
  readonly bytes: number
  readonly damaged: number
  readonly pins: number
  readonly mfsRoot: CID | undefined
  /** False when MFS holds something here that is not to be replaced. */
  readonly mfsTaken: boolean
  readonly keys: readonly string[]
  /** Keys that are called like one that is here, and are another. */
  readonly keysKept: readonly string[]
  readonly config: boolean
  /** Blocks that lie in files of the user, and were left there. */
  readonly fileBlocks: number
}

export type KuboImportEvent =
  | { readonly kind: 'progress'; readonly done: number; readonly share: number }
  | { readonly kind: 'damaged'; readonly name: string; readonly reason: string }
  | { readonly kind: 'summary'; readonly summary: KuboSummary }

/**
 * Copies a Kubo repo into ours: blocks, each checked; pins with names; the MFS root; keys; config. Nothing is written
 * there. It can be repeated at any time: what is here already is not read again.
 */
export async function* importKubo(
  repo: Repo,
  path: string,
  options: KuboImportOptions,
): AsyncGenerator<KuboImportEvent> {
  const folder = resolve(path)
  const source = await openKubo(folder)
  const tally = new BlockImport(repo, source)
  try {
    yield* tally.run(options.signal)
  } finally {
    // What was copied until it was interrupted, or Kubo's daemon ended, need not be read again.
    await repo.blocks.flush()
  }
  const state = await source.state(options.signal)
  await importPins(repo, state)
  const mfsTaken = await importMfsRoot(repo, state.mfsRoot)
  const { keys, kept } = await importKeys(repo, join(folder, 'keystore'))
  if (options.config || options.identity) await importConfig(repo, folder, options)
  const { blocks, present, bytes, damaged } = tally
  const { pins, mfsRoot, fileBlocks } = state
  const config = options.config
  yield {
    kind: 'summary',
    summary: {
      blocks,
      present,
      bytes,
      damaged,
      pins: pins.length,
      mfsRoot,
      mfsTaken,
      keys,
      keysKept: kept,
      config,
      fileBlocks,
    },
  }
}

interface Mount {
  readonly type?: string
  readonly mountpoint?: string
  readonly path?: string
  readonly mounts?: readonly Mount[]
  readonly child?: Mount
}

async function openKubo(folder: string): Promise<KuboSource> {
  const version = await readText(join(folder, 'version')).catch(error => {
    if (error instanceof Failure && error.kind === 'not-found') throw notKubo(folder)
    throw error
  })
  if (!/^\d+\s*$/.test(version)) throw notKubo(folder)
  const spec = parse(await readText(join(folder, 'datastore_spec')), join(folder, 'datastore_spec')) as Mount
  const mounts = mountsOf(spec)
  const [blocks, rest] = [mounts.find(at => at.mountpoint === '/blocks'), mounts.find(at => at.mountpoint === '/')]
  if (blocks?.type === 'flatfs' && rest?.type === 'levelds') {
    return diskSource(resolve(folder, blocks.path ?? 'blocks'), resolve(folder, rest.path ?? 'datastore'))
  }
  const { apiSource } = await import('./import-kubo-api.ts')
  return await apiSource(folder, mounts.map(({ type }) => type ?? '?').join(', '))
}

function mountsOf(spec: Mount): Mount[] {
  if (spec.child !== undefined) return mountsOf({ ...spec.child, mountpoint: spec.mountpoint ?? '/' })
  if (spec.mounts === undefined) return [{ mountpoint: '/', ...spec }]
  return spec.mounts.flatMap(mount => mountsOf(mount))
}

function notKubo(folder: string): Failure {
  return new Failure('no-repo', `there is no Kubo repo at ${folder}`, {
    hint: 'name the folder that IPFS_PATH names, mostly ~/.ipfs',
  })
}

const READ_AHEAD = 16
/** What was copied is committed this often: an import that is killed goes on from there. */
const FLUSH_MS = 2000

/** Copies blocks that are not here. */
class BlockImport {
  blocks = 0
  present = 0
  bytes = 0
  damaged = 0
  readonly #repo: Repo
  readonly #source: KuboSource
  readonly #breath = new Breath()
  #flushedAt = performance.now()

  constructor(repo: Repo, source: KuboSource) {
    this.#repo = repo
    this.#source = source
  }

  async *run(signal: AbortSignal | undefined): AsyncGenerator<KuboImportEvent> {
    for await (const { batch, share } of this.#source.blocks(signal)) {
      // Those that are here are kept from garbage collection until their pins are here too.
      const cids = batch.map(block => block.cid)
      const missing = new Set((await this.#repo.blocks.protect(cids, { signal })).map(String))
      const wanted = batch.filter(block => missing.has(String(block.cid)))
      this.present += batch.length - wanted.length
      const reading: Promise<Uint8Array | Failure>[] = []
      for (const [at, block] of wanted.entries()) {
        while (reading.length < Math.min(wanted.length, at + READ_AHEAD)) {
          const next = wanted[reading.length]
          if (next !== undefined) reading.push(this.#read(next))
        }
        const bytes = await reading[at]
        // It is no block that is damaged.
        if (bytes instanceof Failure && bytes.kind === 'needs-daemon') throw bytes
        // Let go of what was read.
        delete reading[at]
        const trouble = bytes === undefined ? 'it is gone' : await this.#take(block, bytes, signal)
        if (trouble !== undefined) {
          this.damaged += 1
          yield { kind: 'damaged', name: block.name, reason: trouble }
        }
        await this.#breath.take(signal)
        await this.#flushSometimes(signal)
      }
      yield { kind: 'progress', done: this.blocks + this.present, share }
    }
  }

  async #flushSometimes(signal: AbortSignal | undefined): Promise<void> {
    if (performance.now() - this.#flushedAt < FLUSH_MS) return
    await this.#repo.blocks.flush({ signal })
    this.#flushedAt = performance.now()
  }

  async #read(block: KuboBlock): Promise<Uint8Array | Failure> {
    try {
      return await this.#source.read(block)
    } catch (error) {
      if (error instanceof Failure) return error
      throw error
    }
  }

  /** Stores a block; returns what is wrong with it otherwise. */
  async #take(
    { cid }: KuboBlock,
    bytes: Uint8Array | Failure,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    if (bytes instanceof Failure) return bytes.message
    try {
      await checkBlock(cid, bytes)
    } catch (error) {
      if (error instanceof Failure) return error.message
      throw error
    }
    await this.#repo.blocks.put(cid, bytes, { leaf: isLeaf(bytes), signal })
    this.blocks += 1
    this.bytes += bytes.length
    return undefined
  }
}

/** Returns true for a dag-pb node without links. What is no dag-pb is never asked for as one. */
function isLeaf(bytes: Uint8Array): boolean {
  try {
    return decodeDagPb(bytes).links.length === 0
  } catch {
    // The codec of the block is not known: it may be any other.
    return false
  }
}

const PIN_BATCH = 4096

async function importPins(repo: Repo, { pins }: KuboState): Promise<void> {
  for (let from = 0; from < pins.length; from += PIN_BATCH) await repo.pins.put(pins.slice(from, from + PIN_BATCH))
}

const EMPTY_FOLDER = 'QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn'

/** Makes Kubo's MFS ours, unless there is something in ours. Returns whether the root is Kubo's now. */
async function importMfsRoot(repo: Repo, root: CID | undefined): Promise<boolean> {
  if (root === undefined) return false
  const { CID } = await import('multiformats/cid')
  const stored = await repo.values.get(MFS_ROOT_KEY)
  const present = stored === undefined ? undefined : CID.decode(stored)
  if (present?.equals(root) === true) return true
  const isEmpty = present === undefined || String(present) === EMPTY_FOLDER
  if (!isEmpty || !(await repo.blocks.has(root))) return false
  return await repo.values.compareAndSwap(MFS_ROOT_KEY, stored, root.bytes)
}

const KEY_PREFIX = 'key_'

async function importKeys(repo: Repo, folder: string): Promise<{ keys: string[]; kept: string[] }> {
  const keys: string[] = []
  const kept: string[] = []
  const there = new Set(await repo.keystore.list())
  for (const file of await keyFiles(folder)) {
    const name = new TextDecoder().decode(base32.decode(`b${file.slice(KEY_PREFIX.length)}`))
    const bytes = await readFile(join(folder, file)).catch(error => {
      throw systemFailure(error, join(folder, file))
    })
    if (!there.has(name)) {
      await repo.keystore.put(name, Uint8Array.from(bytes))
      keys.push(name)
    } else if (Buffer.compare(await repo.keystore.get(name), bytes) !== 0) kept.push(name)
    else keys.push(name)
  }
  return { keys, kept }
}

async function keyFiles(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter(file => file.startsWith(KEY_PREFIX)).sort()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw systemFailure(error, folder)
  }
}

async function importConfig(repo: Repo, folder: string, { config, identity }: KuboImportOptions): Promise<void> {
  const theirs = parse(await readText(join(folder, 'config')), join(folder, 'config')) as Record<string, unknown>
  await repo.config.update(ours => {
    const next: Record<string, unknown> = { ...ours }
    if (identity && theirs.Identity !== undefined) next.Identity = theirs.Identity
    if (!config) return next
    for (const [section, value] of Object.entries(theirs)) {
      if (section === 'Identity' || section === 'Datastore') continue
      next[section] = section === 'Addresses' ? { ...record(value), ...kept(ours) } : value
    }
    return next
  })
}

/** Returns the addresses that stay as they are: both daemons may run side by side. */
function kept(ours: Record<string, unknown>): Record<string, unknown> {
  const { API, Gateway } = record(ours.Addresses)
  return { API, Gateway }
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw systemFailure(error, path)
  }
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Failure('failed', `${path} is no JSON`, { cause: error })
  }
}
