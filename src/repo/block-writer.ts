import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import { type BlockIndex, PACK_OF_FILES, type Row } from './block-index.ts'
import { equalBytes } from './check.ts'
import type { Place } from './pack-reader.ts'
import type { OpenPack, PackWriter } from './pack-writer.ts'
import { Breath } from './pause.ts'
import type { State } from './state.ts'

/** A commit takes at most so many blocks, so that others do not wait long for the database. */
export const BATCH_BLOCKS_MAX = 4096
/** A commit begins when so many bytes are due. */
export const BATCH_BYTES_DUE = 4 * 1024 * 1024
const BATCHES_IN_FLIGHT_MAX = 1
const LOOK_UPS_AT_ONCE = 256

/** A block on its way to the disk. Its bytes are kept until its row is committed, so that nothing can lose it. */
export interface Pending {
  readonly cid: CID
  readonly key: string
  readonly hash: Uint8Array
  readonly bytes: Uint8Array
  leaf: boolean
  place: Place | undefined
  /** Gives the bytes back to whoever put them, when they are not needed any more. */
  readonly release: (() => void) | undefined
  /** `new`: no row. `met`: the row is young enough. `old`: its row must be made younger. `heal`: its bytes are damaged. */
  fate: 'new' | 'met' | 'old' | 'heal'
}

interface Batch {
  /** In the order in which they were put: what is read one after another lies one behind another. */
  blocks: Pending[]
  /** The same in the order of their keys, once they were looked up. */
  byKey: Pending[]
  bytes: number
  pack: OpenPack | undefined
  end: number
}

/** What a writer needs to know of the run it writes for. */
export interface WriterContext {
  readonly state: State
  readonly index: BlockIndex
  readonly packs: PackWriter
  readonly epoch: () => number
  /** Returns the stored bytes of rows, in any order, for the comparison of a block that is here already. */
  readonly readStored: (
    items: readonly { readonly pending: Pending; readonly place: Row }[],
    took: (item: { readonly pending: Pending; readonly place: Row }, bytes: Uint8Array | undefined) => void,
  ) => Promise<void>
}

/**
 * Brings blocks to the disk in batches, while the caller goes on: looked up, compared or appended, flushed, committed.
 * A batch that fails is kept and tried again by the next call, so that no `flush` can succeed without it.
 */
export class BlockWriter {
  readonly #context: WriterContext
  readonly #pending = new Map<string, Pending>()
  #filling: Batch = emptyBatch()
  #failed: Batch[] = []
  #failure: unknown
  readonly #underWay = new Set<Promise<void>>()
  #written: Promise<unknown> = Promise.resolve()
  #committed: Promise<unknown> = Promise.resolve()

  constructor(context: WriterContext) {
    this.#context = context
  }

  /** Returns a block that is on its way. */
  find(key: string): Pending | undefined {
    return this.#pending.get(key)
  }

  get isIdle(): boolean {
    return this.#pending.size === 0
  }

  /** Takes a block; waits when too much is under way. */
  put(pending: Pending): void | Promise<void> {
    this.#pending.set(pending.key, pending)
    const batch = this.#filling
    batch.blocks.push(pending)
    batch.bytes += pending.bytes.length
    if (batch.bytes < BATCH_BYTES_DUE && batch.blocks.length < BATCH_BLOCKS_MAX && this.#failed.length === 0) return
    return this.#makeRoom()
  }

  /**
   * Resolves when all that was put before is committed and durable. `also` runs in the transaction of the last batch:
   * what names these blocks is then committed together with them.
   */
  async flush(also?: () => void): Promise<void> {
    this.#retry()
    this.#seal(also)
    await this.#settle()
  }

  /** Resolves when nothing is under way any more, done or failed. */
  async stop(): Promise<void> {
    await Promise.allSettled(this.#underWay)
  }

  async #makeRoom(): Promise<void> {
    if (this.#failed.length > 0) {
      this.#retry()
      await this.#settle()
    }
    this.#seal()
    while (this.#underWay.size > BATCHES_IN_FLIGHT_MAX) await Promise.race(this.#underWay)
  }

  #retry(): void {
    const failed = this.#failed
    this.#failed = []
    for (const batch of failed) this.#submit(batch, undefined)
  }

  #seal(also?: () => void): void {
    const batch = this.#filling
    if (batch.blocks.length === 0 && also === undefined) return
    this.#filling = emptyBatch()
    this.#submit(batch, also)
  }

  #submit(batch: Batch, also: (() => void) | undefined): void {
    const before = this.#committed
    const written = this.#write(batch)
    // A batch is flushed while the next one is written; batches are committed in their order.
    const flushed = written.then(() => this.#sync(batch))
    flushed.catch(() => undefined)
    const committed = before
      .then(() => flushed)
      .then(() => this.#commit(batch, also))
      .catch(error => {
        if (batch.blocks.length > 0) this.#failed.push(batch)
        this.#failure = error
        throw error
      })
      .finally(() => {
        this.#releasePack(batch)
        this.#underWay.delete(committed)
      })
    this.#underWay.add(committed)
    this.#committed = committed.catch(() => undefined)
  }

  async #settle(): Promise<void> {
    for (const result of await Promise.allSettled(this.#underWay)) {
      if (result.status === 'rejected') throw result.reason
    }
  }

  #releasePack(batch: Batch): void {
    if (batch.pack !== undefined) this.#context.packs.release(batch.pack)
    batch.pack = undefined
  }

  /** Looks up, compares and appends batches one after another. */
  #write(batch: Batch): Promise<void> {
    const written = this.#written.then(() => this.#writeNow(batch))
    this.#written = written.catch(() => undefined)
    return written
  }

  async #writeNow(batch: Batch): Promise<void> {
    const met = await this.#lookUp(batch)
    if (met.length > 0) await this.#compare(met)
    const due = batch.blocks.filter(block => block.fate === 'new' || block.fate === 'heal')
    if (due.length === 0) return
    batch.pack = await this.#context.packs.append(due)
    batch.end = batch.pack.end
  }

  async #lookUp(batch: Batch): Promise<{ pending: Pending; place: Row }[]> {
    const { state, index, epoch } = this.#context
    const met: { pending: Pending; place: Row }[] = []
    const breath = new Breath()
    const present = epoch()
    // In the order of keys neighbouring pages are met one after another, here and in the commit.
    batch.byKey = batch.blocks.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    for (let at = 0; at < batch.byKey.length; at += LOOK_UPS_AT_ONCE) {
      const some = batch.byKey.slice(at, at + LOOK_UPS_AT_ONCE)
      const rows = await state.readTogether(() => some.map(block => index.find(block.hash)))
      for (const [nth, pending] of some.entries()) {
        const row = rows[nth]
        pending.fate = row === undefined ? 'new' : row.length === pending.bytes.length ? 'met' : 'heal'
        // What lies in a file of the user goes when he changes it: a block that is put is kept by the repo itself.
        if (row?.pack === PACK_OF_FILES) pending.fate = 'heal'
        if (row === undefined || pending.fate === 'heal') continue
        if (row.epoch < present || (pending.leaf && !row.leaf)) pending.fate = 'old'
        met.push({ pending, place: row })
      }
      await breath.take()
    }
    return met
  }

  async #compare(met: readonly { pending: Pending; place: Row }[]): Promise<void> {
    await this.#context.readStored(met, ({ pending }, bytes) => {
      if (bytes === undefined || !equalBytes(bytes, pending.bytes)) pending.fate = 'heal'
    })
  }

  async #sync(batch: Batch): Promise<void> {
    if (batch.pack !== undefined) await this.#context.packs.sync(batch.pack)
  }

  async #commit(batch: Batch, also: (() => void) | undefined): Promise<void> {
    const { state, epoch, index, packs } = this.#context
    if (batch.pack?.broken) throw new Failure('failed', `${batch.pack.file}: cannot be written`)
    // What names blocks may not be committed before every one of them.
    if (also !== undefined && this.#failed.length > 0) throw this.#failure
    while (also !== undefined || batch.blocks.some(block => block.fate !== 'met')) {
      const { pack } = batch
      const lost = await state.write(() => {
        const gone = this.#commitRows(batch, epoch())
        if (pack !== undefined) index.commitPack(pack.id, batch.end, packs.endsWith(pack))
        // What names the blocks is committed when all of them are there.
        if (gone.length === 0) also?.()
        return gone
      })
      if (lost.length === 0) break
      // Collected since they were met: they are written anew.
      this.#forget(batch.blocks.filter(block => !lost.includes(block)))
      batch.blocks = lost
      this.#releasePack(batch)
      await this.#write(batch)
      await this.#sync(batch)
    }
    this.#forget(batch.blocks)
    batch.blocks = []
    batch.byKey = []
  }

  #forget(blocks: readonly Pending[]): void {
    for (const block of blocks) {
      this.#pending.delete(block.key)
      block.release?.()
    }
  }

  /** Returns the blocks whose rows were collected since they were met. */
  #commitRows(batch: Batch, epoch: number): Pending[] {
    const { index } = this.#context
    const lost: Pending[] = []
    for (const block of batch.byKey) {
      const { fate, hash, place, leaf } = block
      if (fate === 'old') {
        if (!index.refresh(hash, epoch, leaf)) lost.push(block)
      } else if (fate !== 'met' && place !== undefined) {
        if (fate === 'heal') index.replace({ hash, place, leaf }, epoch)
        else index.insert({ hash, place, leaf }, epoch)
      }
    }
    return lost
  }
}

function emptyBatch(): Batch {
  return { blocks: [], byKey: [], bytes: 0, pack: undefined, end: 0 }
}
