import { link, mkdir, open, readdir, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { errorCode, systemFailure } from '../contract/failure.ts'
import { type BlockIndex, PACK_OF_FILES } from './block-index.ts'
import { type DurableBlocks, isLeaf, keyOf, missingFailure } from './blocks.ts'
import { type Checker, equalBytes, mismatchFailure } from './check.ts'
import { syncFolder } from './durable.ts'
import type { Filestore } from './filestore.ts'
import { FLATFS_SHARDING, FlatfsSharding } from './flatfs-sharding.ts'
import type { Layout } from './layout.ts'
import { KernelLock } from './locks.ts'
import { randomHex } from './random.ts'
import { AheadBudget, readAhead } from './read-ahead.ts'
import type { Block, BlockStat, PutOptions, Waiting } from './roles.ts'
import type { State } from './state.ts'

const IDENTITY = 0
const RAW = 0x55
const sharding = new FlatfsSharding()
const TEMPORARY = /^\.tmp-[0-9a-f]{16}$/
const BATCH_BLOCKS_MAX = 1024
const BATCH_BYTES_DUE = 16 * 1024 * 1024
const FILES_AT_ONCE = 16

export interface FlatBlocksOptions {
  readonly layout: Layout
  readonly state: State
  readonly index: BlockIndex
  readonly filestore: Filestore
  readonly checker: Checker
  readonly durable: boolean
  readonly lockTimeoutMs: number
}

interface Pending extends Block {
  leaf: boolean
}

/**
 * Blocks as Kubo's flatfs keeps them, a file for each. A run that writes shares a lock until it ends, and a collection
 * holds it alone: here, other than with packs, one waits for the other.
 */
export class FlatBlocks implements DurableBlocks {
  readonly #ahead = new AheadBudget()
  readonly #options: FlatBlocksOptions
  readonly #pending = new Map<string, Pending>()
  #bytes = 0
  #flushing: Promise<void> = Promise.resolve()
  #lock: Promise<KernelLock> | undefined

  constructor(options: FlatBlocksOptions) {
    this.#options = options
  }

  async has(cid: CID): Promise<boolean> {
    return (await this.stat(cid)) !== undefined
  }

  async stat(cid: CID): Promise<BlockStat | undefined> {
    if (cid.multihash.code === IDENTITY) return { size: cid.multihash.digest.length, leaf: isLeaf(cid, false) }
    const pending = this.#pending.get(keyOf(cid.multihash.bytes))
    if (pending !== undefined) return { size: pending.bytes.length, leaf: isLeaf(cid, pending.leaf) }
    const size = (await sizeOf(this.#file(cid.multihash.bytes))) ?? (await this.#sizeInFile(cid))
    return size === undefined ? undefined : { size, leaf: isLeaf(cid, false) }
  }

  async statMany(cids: readonly CID[]): Promise<(BlockStat | undefined)[]> {
    const stats: (BlockStat | undefined)[] = []
    for (const cid of cids) stats.push(await this.stat(cid))
    return stats
  }

  async get(cid: CID, options: Waiting = {}): Promise<Uint8Array> {
    options.signal?.throwIfAborted()
    if (cid.multihash.code === IDENTITY) return cid.multihash.digest
    const pending = this.#pending.get(keyOf(cid.multihash.bytes))
    if (pending !== undefined) return pending.bytes
    const bytes = await readWhole(this.#file(cid.multihash.bytes))
    if (bytes === undefined) return await this.#getFromFile(cid)
    if (await this.#options.checker.matches(cid, bytes)) return bytes
    throw mismatchFailure(cid, 'its bytes do not match its hash')
  }

  getMany(cids: Iterable<CID> | AsyncIterable<CID>, options: Waiting = {}): AsyncIterable<Block> {
    return readAhead(cids, {
      budget: this.#ahead,
      signal: options.signal,
      look: cids =>
        Promise.all(
          cids.map(async cid => ({
            cid,
            size: (await this.stat(cid))?.size ?? 0,
            get: () => this.get(cid, options),
          })),
        ),
    })
  }

  async put(cid: CID, bytes: Uint8Array, options: PutOptions = {}): Promise<void> {
    const { leaf, release, signal } = options
    signal?.throwIfAborted()
    if (cid.multihash.code === IDENTITY) return release?.()
    await this.hold(options)
    const key = keyOf(cid.multihash.bytes)
    if (this.#pending.has(key)) return release?.()
    // Memory that is lent may be part of more, all of which would wait for the batch.
    const own = release === undefined ? bytes : bytes.slice()
    release?.()
    this.#pending.set(key, { cid, bytes: own, leaf: leaf === true && cid.code !== RAW })
    this.#bytes += bytes.length
    if (this.#bytes >= BATCH_BYTES_DUE || this.#pending.size >= BATCH_BLOCKS_MAX) await this.flush()
  }

  /** Writes what is pending; what fails stays pending, so that no later flush can succeed without it. */
  flush(): Promise<void> {
    const flushed = this.#flushing.then(() => this.#flushNow())
    this.#flushing = flushed.catch(() => undefined)
    return flushed
  }

  async flushWith(also: () => void, options: Waiting = {}): Promise<void> {
    await this.hold(options)
    await this.flush()
    await this.#options.state.write(also, options)
  }

  async protect(cids: Iterable<CID>, options: Waiting = {}): Promise<CID[]> {
    await this.hold(options)
    const missing: CID[] = []
    for (const cid of cids) if (!(await this.has(cid))) missing.push(cid)
    return missing
  }

  async delete(cid: CID, options: Waiting = {}): Promise<boolean> {
    if (cid.multihash.code === IDENTITY) return false
    await this.flush()
    const hash = cid.multihash.bytes
    const inFile = await this.#options.state.write(() => {
      this.#options.filestore.forget(hash)
      return this.#options.index.delete(hash)
    }, options)
    return (await this.remove(hash)) || inFile
  }

  async *list(options: Waiting = {}): AsyncIterable<{ cid: CID; size: number }> {
    await this.flush()
    const { flatfs } = this.#options.layout
    for (const shard of await namesIn(flatfs)) {
      if (shard.startsWith('.') || shard.length !== 2) continue
      for (const name of await namesIn(join(flatfs, shard))) {
        options.signal?.throwIfAborted()
        const cid = cidOfName(name)
        const size = cid === undefined ? undefined : await sizeOf(join(flatfs, shard, name))
        if (cid !== undefined && size !== undefined) yield { cid, size }
      }
    }
    for await (const { cid, size } of this.#options.filestore.list(options)) {
      if ((await sizeOf(this.#file(cid.multihash.bytes))) === undefined) {
        yield { cid: CID.createV1(RAW, cid.multihash), size }
      }
    }
  }

  async renew(): Promise<void> {
    await this.flush()
    await this.release()
  }

  /** Takes the lock that keeps collections away, and keeps it. */
  async hold(options: Waiting = {}): Promise<void> {
    this.#lock ??= KernelLock.wait(this.#options.layout.collectionLock, 'shared', {
      ...{ timeoutMs: this.#options.lockTimeoutMs, signal: options.signal },
      busy: 'a garbage collection is at work on the repo',
    }).catch(error => {
      this.#lock = undefined
      throw error
    })
    await this.#lock
  }

  /** Gives that lock back. */
  async release(): Promise<void> {
    const lock = await this.#lock?.catch(() => undefined)
    this.#lock = undefined
    lock?.[Symbol.dispose]()
  }

  /** Removes the file of a block; returns false when there was none. */
  async remove(hash: Uint8Array): Promise<boolean> {
    const file = this.#file(hash)
    try {
      await unlink(file)
      return true
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false
      throw systemFailure(error, file)
    }
  }

  async #flushNow(): Promise<void> {
    const blocks = [...this.#pending]
    if (blocks.length === 0) return
    const { flatfs } = this.#options.layout
    try {
      await makeFlatfs(flatfs)
      const changed = new Set<string>()
      for (let at = 0; at < blocks.length; at += FILES_AT_ONCE) {
        const some = blocks.slice(at, at + FILES_AT_ONCE)
        const shards = await Promise.all(some.map(([, block]) => this.#write(block)))
        for (const shard of shards) if (shard !== undefined) changed.add(shard)
      }
      if (this.#options.durable && changed.size > 0) {
        for (const shard of changed) await syncFolder(join(flatfs, shard))
        await syncFolder(flatfs)
      }
    } catch (error) {
      throw systemFailure(error, flatfs)
    }
    for (const [key, { bytes }] of blocks) {
      this.#pending.delete(key)
      this.#bytes -= bytes.length
    }
  }

  /** Writes a block unless the very same is there; returns the folder that was changed. */
  async #write({ cid, bytes }: Pending): Promise<string | undefined> {
    const file = this.#file(cid.multihash.bytes)
    const there = await readWhole(file)
    if (there !== undefined && equalBytes(there, bytes)) return undefined
    const { flatfs } = this.#options.layout
    const shard = sharding.encodeHash(cid.multihash.bytes).dir
    const temporary = join(flatfs, shard, `.tmp-${randomHex(8)}`)
    await mkdir(join(flatfs, shard), { recursive: true, mode: 0o700 })
    try {
      {
        await using handle = await open(temporary, 'wx', 0o600)
        await handle.writeFile(bytes)
        if (this.#options.durable) await handle.datasync()
      }
      await rename(temporary, file)
    } catch (error) {
      await unlink(temporary).catch(() => {
        // What is left of it is swept by the next collection.
      })
      throw error
    }
    return shard
  }

  #file(hash: Uint8Array): string {
    const { dir, file } = sharding.encodeHash(hash)
    return join(this.#options.layout.flatfs, dir, file)
  }

  async #sizeInFile(cid: CID): Promise<number | undefined> {
    const { state, index } = this.#options
    const row = await state.read(() => index.find(cid.multihash.bytes))
    return row?.pack === PACK_OF_FILES ? row.length : undefined
  }

  async #getFromFile(cid: CID): Promise<Uint8Array> {
    const size = await this.#sizeInFile(cid)
    if (size === undefined) throw missingFailure(cid)
    const bytes = await this.#options.filestore.readChecked(cid, size)
    if (typeof bytes === 'string') throw mismatchFailure(cid, bytes)
    return bytes
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#flushing
    await this.release()
  }
}

/** Removes what killed runs left between writing and renaming. To be called while nobody writes. */
export async function sweepTemporary(flatfs: string): Promise<void> {
  for (const shard of await namesIn(flatfs)) {
    if (shard.length !== 2) continue
    for (const name of await namesIn(join(flatfs, shard))) {
      if (TEMPORARY.test(name)) await unlink(join(flatfs, shard, name))
    }
  }
}

async function makeFlatfs(flatfs: string): Promise<void> {
  const file = join(flatfs, 'SHARDING')
  if ((await sizeOf(file)) !== undefined) return
  await mkdir(flatfs, { recursive: true, mode: 0o700 })
  const temporary = join(flatfs, `.tmp-${randomHex(8)}`)
  await writeFile(temporary, FLATFS_SHARDING, { flag: 'wx', flush: true })
  try {
    await link(temporary, file)
  } catch (error) {
    // Another run was faster, and wrote the same.
    if (errorCode(error) !== 'EEXIST') throw error
  } finally {
    await unlink(temporary)
  }
}

function cidOfName(name: string): CID | undefined {
  try {
    return sharding.decode(name)
  } catch {
    // Not a block: Kubo keeps other files beside them.
    return undefined
  }
}

async function sizeOf(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).size
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw systemFailure(error, file)
  }
}

async function readWhole(file: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(file)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw systemFailure(error, file)
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return []
    throw systemFailure(error, folder)
  }
}
