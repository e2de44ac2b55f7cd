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
/** Blocks are looked up and appended together when so many bytes are due. */
export const BATCH_BYTES_DUE = 4 * 1024 * 1024
/** Batches are flushed and committed together until so many bytes are written: a flush of many costs little more than one of few. */
const GROUP_BYTES_DUE = 64 * 1024 * 1024
const BATCHES_UNWRITTEN_MAX = 1
const GROUPS_UNCOMMITTED_MAX = 1
const LOOK_UPS_AT_ONCE = 256

/** A block on its way to the disk. */
export interface Pending {
  readonly cid: CID
  readonly key: string
  readonly hash: Uint8Array
  readonly length: number
  /** Kept until it is written. What was written lies at `place`. */
  bytes: Uint8Array | undefined
  leaf: boolean
  place: Place | undefined
  /** Gives the bytes back to whoever put them, when they are not needed any more. */
  release: (() => void) | undefined
  /** `new`: no row. `met`: the row is young enough. `old`: its row must be made younger. `heal`: its bytes are damaged. */
  fate: 'new' | 'met' | 'old' | 'heal'
}

/** Blocks that are looked up and appended together. */
interface Batch {
  /** In the order in which they were put: what is read one after another lies one behind another. */
  readonly blocks: Pending[]
  bytes: number
}

/** Batches that are flushed and committed together: what they have written lies in one pack. */
interface Group {
  blocks: Pending[]
  pack: OpenPack | undefined
  end: number
  /** Bytes in the pack. */
  written: number
  /** Bytes in memory: those of blocks whose rows may go before the commit. */
  held: number
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
  /** Returns the bytes of a block that was written but not committed. Throws when they are damaged. */
  readonly readWritten: (cid: CID, place: Place) => Promise<Uint8Array>
}

/**
 * Brings blocks to the disk while the caller goes on: looked up, compared or appended batch by batch, then flushed and
 * committed, many batches at once. What fails is kept and tried again by the next call, so that no `flush` can succeed
 * without it.
 */
export class BlockWriter {
  readonly #context: WriterContext
  readonly #pending = new Map<string, Pending>()
  #filling: Batch = { blocks: [], bytes: 0 }
  #group: Group = emptyGroup()
  #failed: Pending[] = []
  #failure: unknown
  readonly #writing = new Set<Promise<void>>()
  readonly #committing = new Set<Promise<void>>()
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
    batch.bytes += pending.length
    if (!isFull(batch) && this.#failed.length === 0) return
    return this.#makeRoom()
  }

  /**
   * Resolves when all that was put before is committed and durable. `also` runs in the transaction that comes last:
   * what names these blocks is committed together with the last of them, or after them.
   */
  async flush(also?: () => void): Promise<void> {
    this.#retry()
    this.#sealBatch()
    await settle(this.#writing)
    this.#sealGroup(also)
    await settle(this.#committing)
    // It may have failed, and left the set, while the writes were awaited.
    if (this.#failed.length > 0) throw this.#failure
  }

  /** Resolves when nothing is under way any more, done or failed. */
  async stop(): Promise<void> {
    await Promise.allSettled(this.#writing)
    await Promise.allSettled(this.#committing)
  }

  async #makeRoom(): Promise<void> {
    if (this.#failed.length > 0) {
      this.#retry()
      await settle(this.#writing)
    }
    this.#sealBatch()
    while (this.#writing.size > BATCHES_UNWRITTEN_MAX) await Promise.race(this.#writing)
    while (this.#committing.size > GROUPS_UNCOMMITTED_MAX) await Promise.race(this.#committing)
  }

  #retry(): void {
    const failed = this.#failed
    this.#failed = []
    let batch: Batch = { blocks: [], bytes: 0 }
    for (const [nth, block] of failed.entries()) {
      batch.blocks.push(block)
      batch.bytes += block.length
      if (!isFull(batch) && nth < failed.length - 1) continue
      this.#submit(batch)
      batch = { blocks: [], bytes: 0 }
    }
  }

  #sealBatch(): void {
    const batch = this.#filling
    if (batch.blocks.length === 0) return
    this.#filling = { blocks: [], bytes: 0 }
    this.#submit(batch)
  }

  #submit(batch: Batch): void {
    const writing = this.#write(batch.blocks)
      .then(pack => this.#join(batch.blocks, pack))
      .catch(error => this.#fail(batch.blocks, error))
      .finally(() => this.#writing.delete(writing))
    writing.catch(() => undefined)
    this.#writing.add(writing)
  }

  #fail(blocks: readonly Pending[], error: unknown): never {
    for (const block of blocks) this.#failed.push(block)
    this.#failure = error
    throw error
  }

  /** Adds what was written to the group of its pack, and seals the group that has become large. */
  #join(blocks: readonly Pending[], pack: OpenPack | undefined): void {
    const { packs } = this.#context
    const isElsewhere = pack !== undefined && this.#group.pack !== undefined && pack !== this.#group.pack
    if (isElsewhere || this.#group.blocks.length + blocks.length > BATCH_BLOCKS_MAX) this.#sealGroup()
    const group = this.#group
    for (const block of blocks) {
      // A row that is young enough stays: there is nothing to commit.
      if (block.fate === 'met') this.#forget([block])
      else group.blocks.push(block)
      if (block.fate === 'old') group.held += block.length
      else {
        group.written += block.length
        giveBack(block)
      }
    }
    if (pack !== undefined) {
      // The group uses the pack once, however many batches of it lie there.
      if (group.pack !== undefined) packs.release(pack)
      group.pack = pack
      group.end = pack.end
    }
    if (group.held >= BATCH_BYTES_DUE || group.written >= GROUP_BYTES_DUE || pack?.isFull) this.#sealGroup()
  }

  #sealGroup(also?: () => void): void {
    const group = this.#group
    if (group.blocks.length === 0 && also === undefined) return
    this.#group = emptyGroup()
    // A group is flushed while the next one is written; groups are committed in their order.
    const flushed = this.#sync(group)
    flushed.catch(() => undefined)
    const committing = this.#committed
      .then(() => flushed)
      .then(() => this.#commit(group, also))
      .catch(error => this.#fail(group.blocks, error))
      .finally(() => {
        this.#releasePack(group)
        this.#committing.delete(committing)
      })
    this.#committing.add(committing)
    this.#committed = committing.catch(() => undefined)
  }

  #releasePack(group: Group): void {
    if (group.pack !== undefined) this.#context.packs.release(group.pack)
    group.pack = undefined
  }

  /** Looks up, compares and appends blocks, after those before them. Returns the pack, which the caller releases. */
  #write(blocks: readonly Pending[]): Promise<OpenPack | undefined> {
    const written = this.#written.then(() => this.#writeNow(blocks))
    this.#written = written.catch(() => undefined)
    return written
  }

  async #writeNow(blocks: readonly Pending[]): Promise<OpenPack | undefined> {
    for (const block of blocks) if (block.bytes === undefined) await this.#recall(block)
    const met = await this.#lookUp(blocks)
    if (met.length > 0) await this.#compare(met)
    const due = blocks.filter(isDue)
    return due.length === 0 ? undefined : await this.#context.packs.append(due, moveTo)
  }

  /** Reads what was given back already: the bytes of a block that has to be written once more. */
  async #recall(block: Pending): Promise<void> {
    if (block.place !== undefined) block.bytes = await this.#context.readWritten(block.cid, block.place)
  }

  async #lookUp(blocks: readonly Pending[]): Promise<{ pending: Pending; place: Row }[]> {
    const { state, index, epoch } = this.#context
    const met: { pending: Pending; place: Row }[] = []
    const breath = new Breath()
    const present = epoch()
    // In the order of keys neighbouring pages are met one after another.
    const sorted = blocks.toSorted(byKey)
    for (let at = 0; at < sorted.length; at += LOOK_UPS_AT_ONCE) {
      const some = sorted.slice(at, at + LOOK_UPS_AT_ONCE)
      const rows = await state.readTogether(() => some.map(block => index.find(block.hash)))
      for (const [nth, pending] of some.entries()) {
        const row = rows[nth]
        pending.fate = row === undefined ? 'new' : row.length === pending.length ? 'met' : 'heal'
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
      const isSame = bytes !== undefined && pending.bytes !== undefined && equalBytes(bytes, pending.bytes)
      if (!isSame) pending.fate = 'heal'
    })
  }

  async #sync({ pack }: Group): Promise<void> {
    if (pack !== undefined) await this.#context.packs.sync(pack)
  }

  async #commit(group: Group, also: (() => void) | undefined): Promise<void> {
    const { state, epoch, index, packs } = this.#context
    if (group.pack?.broken) throw new Failure('failed', `${group.pack.file}: cannot be written`)
    // What names blocks may not be committed before every one of them.
    if (also !== undefined && this.#failed.length > 0) throw this.#failure
    group.blocks.sort(byKey)
    while (also !== undefined || group.blocks.length > 0) {
      const { pack, end } = group
      const committing = state.write(() => {
        const gone = this.#commitRows(group.blocks, epoch())
        if (pack !== undefined) index.commitPack(pack.id, end, packs.endsWith(pack))
        // What names the blocks is committed when all of them are there.
        if (gone.length === 0) also?.()
        return gone
      })
      const lost = await (pack === undefined ? committing : pack.commit(committing, end))
      if (lost.length === 0) break
      // Collected since they were met: they are written anew.
      const isLost = new Set(lost)
      this.#forget(group.blocks.filter(block => !isLost.has(block)))
      group.blocks = lost
      this.#releasePack(group)
      group.pack = await this.#write(lost)
      group.end = group.pack?.end ?? 0
      await this.#sync(group)
    }
    this.#forget(group.blocks)
    group.blocks = []
  }

  #forget(blocks: readonly Pending[]): void {
    for (const block of blocks) {
      this.#pending.delete(block.key)
      giveBack(block)
    }
  }

  /** Returns the blocks whose rows were collected since they were met. */
  #commitRows(blocks: readonly Pending[], epoch: number): Pending[] {
    const { index } = this.#context
    const lost: Pending[] = []
    for (const block of blocks) {
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

function emptyGroup(): Group {
  return { blocks: [], pack: undefined, end: 0, written: 0, held: 0 }
}

function isFull({ bytes, blocks }: Batch): boolean {
  return bytes >= BATCH_BYTES_DUE || blocks.length >= BATCH_BLOCKS_MAX
}

function isDue(block: Pending): block is Pending & { bytes: Uint8Array } {
  return block.bytes !== undefined && (block.fate === 'new' || block.fate === 'heal')
}

function giveBack(block: Pending): void {
  block.bytes = undefined
  block.release?.()
  block.release = undefined
}

/** Takes note that the bytes lie in memory that is used again: its own is given back. */
function moveTo(block: Pending, bytes: Uint8Array): void {
  block.bytes = bytes
  block.release?.()
  // Whoever asks for the block gets a copy.
  block.release = () => undefined
}

function byKey(a: Pending, b: Pending): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0
}

/** Resolves when all are done; throws what the first that failed has thrown. */
async function settle(underWay: Iterable<Promise<void>>): Promise<void> {
  for (const result of await Promise.allSettled(underWay)) {
    if (result.status === 'rejected') throw result.reason
  }
}
