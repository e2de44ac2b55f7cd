import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { Failure } from '../contract/failure.ts'
import { type BlockIndex, PACK_OF_FILES, type Row } from './block-index.ts'
import { BlockWriter, type Pending } from './block-writer.ts'
import { type Checker, mismatchFailure } from './check.ts'
import type { DirectMode } from './direct-writes.ts'
import type { Filestore } from './filestore.ts'
import type { Layout } from './layout.ts'
import type { PackReader, Place } from './pack-reader.ts'
import { PackWriter } from './pack-writer.ts'
import { Breath } from './pause.ts'
import { AheadBudget, readAhead } from './read-ahead.ts'
import { readSpans } from './read-spans.ts'
import type { Block, BlockStat, Blocks, GetManyOptions, PutOptions, Waiting } from './roles.ts'
import { Run } from './run.ts'
import type { State } from './state.ts'

const IDENTITY = 0
const RAW = 0x55
const DAG_PB = 0x70
const LIST_ROWS = 1000
const PROTECT_ROWS = 2048

/** Blocks that can be flushed together with what names them. */
export interface DurableBlocks extends Blocks, AsyncDisposable {
  /** Flushes, and runs `also` in the transaction that comes last. */
  flushWith(also: () => void, options?: Waiting): Promise<void>
  /** Says that nothing that was put, met or protected so far needs to be kept but for pins and roots. */
  renew(): Promise<void>
}

/** What pins and values ask of the blocks. */
export type Flushing = Pick<DurableBlocks, 'flushWith'>

/** What the packs work with. */
export interface PackBlocksOptions {
  readonly layout: Layout
  readonly state: State
  readonly index: BlockIndex
  readonly reader: PackReader
  readonly filestore: Filestore
  readonly checker: Checker
  readonly durable: boolean
  readonly alone: boolean
  readonly directWrites?: DirectMode | undefined
}

/** The run of a process, as its collection sees it. */
export interface RunOfBlocks {
  readonly slot: number
  readonly packs: PackWriter
  readonly epoch: number
  /** True when blocks were put, met or protected since it began, or since `renew`. */
  readonly touched: boolean
}

/** Arguments lie on the stack, and an identity CID in a link is as long as whoever wrote it likes. */
const KEY_AT_ONCE_BYTES_MAX = 256

/** Returns bytes, such as a multihash, as a string that is the key of a map: a character for each. */
export function keyOf(hash: Uint8Array): string {
  if (hash.length <= KEY_AT_ONCE_BYTES_MAX) return Reflect.apply(String.fromCharCode, undefined, hash)
  return Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).toString('latin1')
}

/** Returns true when a block holds no links, as far as its CID and a mark in the index say. */
export function isLeaf(cid: CID, marked: boolean): boolean {
  return cid.code === RAW || (cid.code === DAG_PB && marked)
}

/** Returns the failure of a block that is not here. Programs in Go look for `ipld: could not find` and take the CID out. */
export function missingFailure(cid: CID): Failure {
  return new Failure('not-found', `block was not found in the repo: ipld: could not find ${cid}`, {
    data: { cid: cid.toString() },
  })
}

interface Look {
  readonly cid: CID
  readonly stat: BlockStat | undefined
  readonly row: Row | undefined
}

function statOfRow(cid: CID, row: Pick<Row, 'length' | 'leaf'> | undefined): BlockStat | undefined {
  return row === undefined ? undefined : { size: row.length, leaf: isLeaf(cid, row.leaf) }
}

/** Blocks in packs, found by the index of the state database. */
export class PackBlocks implements DurableBlocks {
  readonly #ahead = new AheadBudget()
  readonly #options: PackBlocksOptions
  #run: Promise<Run> | undefined
  #epoch = 0
  #touched = false
  #packs: PackWriter | undefined
  #writer: BlockWriter | undefined

  constructor(options: PackBlocksOptions) {
    this.#options = options
  }

  async has(cid: CID, options?: Waiting): Promise<boolean> {
    if (cid.multihash.code === IDENTITY || this.#pending(cid) !== undefined) return true
    return await this.#options.state.read(() => this.#options.index.has(cid.multihash.bytes), options)
  }

  async stat(cid: CID, options?: Waiting): Promise<BlockStat | undefined> {
    const here = this.#statHere(cid)
    if (here !== undefined) return here
    return statOfRow(cid, await this.#find(cid, options))
  }

  async statMany(cids: readonly CID[], options?: Waiting): Promise<(BlockStat | undefined)[]> {
    const [first] = cids
    if (first === undefined) return []
    if (cids.length === 1) return [await this.stat(first, options)]
    const { state, index } = this.#options
    const here = cids.map(cid => this.#statHere(cid))
    return await state.readTogether(
      () => cids.map((cid, nth) => here[nth] ?? statOfRow(cid, index.look(cid.multihash.bytes))),
      options,
    )
  }

  async get(cid: CID, options?: Waiting): Promise<Uint8Array> {
    options?.signal?.throwIfAborted()
    if (cid.multihash.code === IDENTITY) return cid.multihash.digest
    const pending = this.#pending(cid)
    if (pending !== undefined) return await this.#getPending(pending)
    const row = await this.#find(cid, options)
    if (row === undefined) throw missingFailure(cid)
    return await this.#load(cid, row, options)
  }

  getMany(cids: Iterable<CID> | AsyncIterable<CID>, options: GetManyOptions = {}): AsyncIterable<Block> {
    const { memory, signal } = options
    if (memory !== undefined) {
      const { reader, checker } = this.#options
      return readSpans(cids, {
        memory,
        reader,
        checker,
        budget: this.#ahead,
        signal,
        look: cids => this.#lookMany(cids, options),
        load: ({ cid, row }) => (row === undefined ? this.get(cid, options) : this.#load(cid, row, options)),
      })
    }
    return readAhead(cids, {
      budget: this.#ahead,
      signal,
      look: async cids =>
        (await this.#lookMany(cids, options)).map(({ cid, stat, row }) => ({
          cid,
          size: stat?.size ?? 0,
          get: () => (row === undefined ? this.get(cid, options) : this.#load(cid, row, options)),
        })),
    })
  }

  async put(cid: CID, bytes: Uint8Array, options?: PutOptions): Promise<void> {
    options?.signal?.throwIfAborted()
    const release = options?.release
    if (cid.multihash.code === IDENTITY) {
      release?.()
      return
    }
    const writer = this.#writer ?? (await this.#beginWriting(options))
    this.#touched = true
    const hash = cid.multihash.bytes
    const key = keyOf(hash)
    const leaf = options?.leaf === true && cid.code === DAG_PB
    const there = writer.find(key)
    if (there !== undefined) {
      there.leaf ||= leaf
      release?.()
      return
    }
    const { length } = bytes
    const pending: Pending = { cid, key, hash, length, bytes, leaf, release, place: undefined, fate: 'new' }
    const wait = writer.put(pending)
    if (wait !== undefined) await wait
  }

  async flush(): Promise<void> {
    await this.#writer?.flush()
  }

  async flushWith(also: () => void, options?: Waiting): Promise<void> {
    if (this.#writer === undefined) await this.#options.state.write(also, options)
    else await this.#writer.flush(also)
  }

  async protect(cids: Iterable<CID>, options?: Waiting): Promise<CID[]> {
    await this.#beginWriting(options)
    this.#touched = true
    const missing: CID[] = []
    const breath = new Breath()
    let some: CID[] = []
    for (const cid of cids) {
      if (cid.multihash.code === IDENTITY || this.#pending(cid) !== undefined) continue
      if (some.push(cid) < PROTECT_ROWS) continue
      missing.push(...(await this.#protectSome(some, options)))
      some = []
      await breath.take(options?.signal)
    }
    if (some.length > 0) missing.push(...(await this.#protectSome(some, options)))
    return missing
  }

  async #protectSome(cids: readonly CID[], options: Waiting | undefined): Promise<CID[]> {
    const { index, state } = this.#options
    const epoch = this.#epoch
    const rows = await state.readTogether(() => cids.map(cid => index.find(cid.multihash.bytes)), options)
    const missing = cids.filter((_, nth) => rows[nth] === undefined)
    const old = cids.filter((_, nth) => (rows[nth]?.epoch ?? epoch) < epoch)
    if (old.length === 0) return missing
    const gone = await state.write(() => old.filter(cid => !index.refresh(cid.multihash.bytes, epoch, false)), options)
    return [...missing, ...gone]
  }

  async delete(cid: CID, options?: Waiting): Promise<boolean> {
    if (cid.multihash.code === IDENTITY) return false
    if (this.#pending(cid) !== undefined) await this.flush()
    const { index, state, filestore } = this.#options
    const hash = cid.multihash.bytes
    return await state.write(() => {
      filestore.forget(hash)
      return index.delete(hash)
    }, options)
  }

  async *list(options: Waiting = {}): AsyncIterable<{ cid: CID; size: number }> {
    await this.flush()
    const { state } = this.#options
    let after: Uint8Array = new Uint8Array()
    for (;;) {
      options.signal?.throwIfAborted()
      const rows = await state.read(
        () => state.rows('SELECT hash, length FROM blocks WHERE hash > ? ORDER BY hash LIMIT ?', after, LIST_ROWS),
        options,
      )
      for (const row of rows) {
        after = row[0] as Uint8Array
        yield { cid: CID.createV1(RAW, Digest.decode(after)), size: row[1] as number }
      }
      if (rows.length < LIST_ROWS) return
    }
  }

  async renew(): Promise<void> {
    await this.flush()
    const run = await this.#run
    if (run === undefined) return
    await run.renew(this.#options.state)
    this.#epoch = run.epoch
    this.#touched = false
  }

  /** Begins the run of this process, if it has not begun, and returns what a collection needs to know of it. */
  async beginRun(options?: Waiting): Promise<RunOfBlocks> {
    await this.#beginWriting(options)
    const { slot } = await this.#beginRun(options)
    if (this.#packs === undefined) throw new Error('a run has begun without a writer')
    return { slot, packs: this.#packs, epoch: this.#epoch, touched: this.#touched }
  }

  #pending(cid: CID): Pending | undefined {
    const writer = this.#writer
    return writer === undefined || writer.isIdle ? undefined : writer.find(keyOf(cid.multihash.bytes))
  }

  async #getPending({ cid, bytes, place, release }: Pending): Promise<Uint8Array> {
    // Bytes that will be given back may change while the caller looks at them.
    if (bytes !== undefined) return release === undefined ? bytes : bytes.slice()
    if (place === undefined) throw missingFailure(cid)
    return await this.#readWritten(cid, place)
  }

  /** Returns the checked bytes of a block that is written but not committed. */
  async #readWritten(cid: CID, place: Place): Promise<Uint8Array> {
    const read = await this.#readChecked(cid, place)
    if (typeof read === 'string') throw mismatchFailure(cid, read)
    return read
  }

  #statHere(cid: CID): BlockStat | undefined {
    if (cid.multihash.code === IDENTITY) return { size: cid.multihash.digest.length, leaf: isLeaf(cid, false) }
    const pending = this.#pending(cid)
    return pending === undefined ? undefined : { size: pending.length, leaf: isLeaf(cid, pending.leaf) }
  }

  /** Looks many blocks up at once. The row is undefined for what is not in the index, or not asked there. */
  async #lookMany(cids: readonly CID[], options: Waiting | undefined): Promise<Look[]> {
    const { state, index } = this.#options
    const here = cids.map(cid => this.#statHere(cid))
    return await state.readTogether(
      () =>
        cids.map((cid, nth) => {
          const stat = here[nth]
          const row = stat === undefined ? index.find(cid.multihash.bytes) : undefined
          return { cid, stat: stat ?? statOfRow(cid, row), row }
        }),
      options,
    )
  }

  #find(cid: CID, options: Waiting | undefined): Promise<Row | undefined> {
    return this.#options.state.read(() => this.#options.index.find(cid.multihash.bytes), options)
  }

  /** Returns the checked bytes of a row. When they are not there the row may have moved: it is looked up once more. */
  async #load(cid: CID, row: Row, options: Waiting | undefined): Promise<Uint8Array> {
    const first = await this.#readChecked(cid, row)
    if (typeof first !== 'string') return first
    const now = await this.#find(cid, options)
    if (now === undefined) throw missingFailure(cid)
    const moved = now.pack !== row.pack || now.offset !== row.offset
    const second = moved ? await this.#readChecked(cid, now) : first
    if (typeof second === 'string') throw mismatchFailure(cid, second)
    return second
  }

  /** Returns the bytes, or what is wrong with them. */
  async #readChecked(cid: CID, row: Place): Promise<Uint8Array | string> {
    if (row.pack === PACK_OF_FILES) return await this.#options.filestore.readChecked(cid, row.length)
    const read = this.#options.reader.read(row)
    const bytes = read instanceof Promise ? await read : read
    if (bytes === undefined) return 'its pack is missing'
    if (bytes.length < row.length) return bytes.length === 0 ? 'its bytes are missing' : 'its bytes are cut off'
    const matches = this.#options.checker.matches(cid, bytes)
    return (typeof matches === 'boolean' ? matches : await matches) ? bytes : 'its bytes do not match its hash'
  }

  #beginRun(options?: Waiting): Promise<Run> {
    this.#run ??= this.#options.state
      .write(() => undefined, options)
      .then(() => Run.begin(this.#options.layout, this.#options.state, options))
      .catch(error => {
        this.#run = undefined
        throw error
      })
    return this.#run
  }

  async #beginWriting(options?: Waiting): Promise<BlockWriter> {
    const run = await this.#beginRun(options)
    if (this.#writer !== undefined) return this.#writer
    const { layout, state, index, reader, durable, alone, directWrites } = this.#options
    this.#epoch = run.epoch
    const packs = new PackWriter(layout, state, run.slot, { durable, alone, directWrites })
    this.#packs = packs
    this.#writer = new BlockWriter({
      state,
      index,
      packs,
      epoch: () => this.#epoch,
      readStored: (items, took) => reader.readMany(items, took, true),
      readWritten: (cid, place) => this.#readWritten(cid, place),
    })
    return this.#writer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer?.stop()
    await this.#packs?.[Symbol.asyncDispose]()
    this.#options.reader[Symbol.dispose]()
    const run = await this.#run?.catch(() => undefined)
    run?.[Symbol.dispose]()
  }
}
