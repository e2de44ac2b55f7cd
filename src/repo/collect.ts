import { readdirSync } from 'node:fs'
import type { BlockIndex } from './block-index.ts'
import type { PackBlocks, RunOfBlocks } from './blocks.ts'
import type { Checker } from './check.ts'
import { compactPacks } from './compact.ts'
import type { Filestore } from './filestore.ts'
import { type Layout, slotLockFile, slotsFromNames } from './layout.ts'
import { KernelLock } from './locks.ts'
import type { PackReader } from './pack-reader.ts'
import { pinRecords, pinsSince } from './pins.ts'
import type { Collection, Pin, Waiting } from './roles.ts'
import type { RootsLog } from './roots-log.ts'
import { readEpoch } from './run.ts'
import type { State } from './state.ts'
import { valueRecords } from './values.ts'

const SWEEP_ROWS = 4096

/** What a collection works with. */
export interface CollectionContext {
  readonly layout: Layout
  readonly state: State
  readonly index: BlockIndex
  readonly reader: PackReader
  readonly checker: Checker
  readonly filestore: Filestore
  readonly log: RootsLog
  readonly blocks: PackBlocks
  readonly lockTimeoutMs: number
}

type SweepOptions = Parameters<Collection['sweep']>[0]

interface Candidate {
  readonly hash: Uint8Array
  readonly length: number
}

/** Begins a collection on packs: the only one at this time. */
export async function beginCollection(context: CollectionContext, options: Waiting): Promise<Collection> {
  const { layout, state, blocks } = context
  const lock = await KernelLock.wait(layout.collectionLock, 'exclusive', {
    ...options,
    timeoutMs: context.lockTimeoutMs,
    busy: 'another garbage collection or backup is at work on the repo',
  })
  try {
    const run = await blocks.beginRun(options)
    const began = await state.write(() => {
      state.run("UPDATE meta SET value = value + 1 WHERE key = 'epoch'")
      return { epoch: state.counter('epoch'), generation: state.counter('generation') }
    }, options)
    const threshold = oldestEpoch(layout, run, began.epoch)
    return new PackCollection(context, run, threshold, began.generation, lock)
  } catch (error) {
    lock[Symbol.dispose]()
    throw error
  }
}

/**
 * Returns the epoch at which the oldest live run began. A run that begins later reads the counter after it holds its
 * slot, and so finds the epoch of this collection or a later one.
 */
export function oldestEpoch(layout: Layout, own: RunOfBlocks, epoch: number): number {
  let oldest = own.touched ? Math.min(own.epoch, epoch) : epoch
  for (const slot of slotsFromNames(readdirSync(layout.locks))) {
    if (slot === own.slot) continue
    using free = KernelLock.tryExclusive(slotLockFile(layout, slot))
    if (free === undefined) oldest = Math.min(oldest, readEpoch(layout, slot))
  }
  return oldest
}

class PackCollection implements Collection {
  readonly #context: CollectionContext
  readonly #run: RunOfBlocks
  readonly #threshold: number
  readonly #lock: KernelLock
  #generation: number

  constructor(context: CollectionContext, run: RunOfBlocks, threshold: number, generation: number, lock: KernelLock) {
    this.#context = context
    this.#run = run
    this.#threshold = threshold
    this.#generation = generation
    this.#lock = lock
  }

  async *sweep(options: SweepOptions): ReturnType<Collection['sweep']> {
    const { state, log } = this.#context
    let freed = 0
    for await (const candidates of this.#candidates(options)) {
      const room = (options.bytesMax ?? Number.POSITIVE_INFINITY) - freed
      const chosen = upTo(candidates, room)
      const gone = options.dryRun === true ? chosen : await this.#delete(chosen, options)
      for (const { hash, length } of gone) {
        freed += length
        yield { multihash: hash, size: length }
      }
      if (freed >= (options.bytesMax ?? Number.POSITIVE_INFINITY)) break
    }
    if (options.dryRun === true) return
    await compactPacks({ ...this.#context, ...this.#run, signal: options.signal })
    await log.compact(() => [...pinRecords(state), ...valueRecords(state)])
  }

  /** Yields blocks that nothing keeps, in bounded groups. */
  async *#candidates({ keep, signal }: SweepOptions): AsyncIterable<Candidate[]> {
    const { state } = this.#context
    let after: Uint8Array = new Uint8Array()
    for (;;) {
      signal?.throwIfAborted()
      const rows = await state.read(() =>
        state.rows(`SELECT hash, length, epoch FROM blocks WHERE hash > ? ORDER BY hash LIMIT ${SWEEP_ROWS}`, after),
      )
      const found: Candidate[] = []
      for (const row of rows) {
        const [hash, length, epoch] = row as [Uint8Array, number, number]
        after = hash
        if (epoch < this.#threshold && !keep(hash)) found.push({ hash, length })
      }
      if (found.length > 0) yield found
      if (rows.length < SWEEP_ROWS) return
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  /** Deletes rows, and returns those that were deleted. Marks again, outside of the lock, as long as roots change. */
  async #delete(candidates: readonly Candidate[], options: SweepOptions): Promise<Candidate[]> {
    const { state, filestore } = this.#context
    let chosen = candidates
    for (;;) {
      options.signal?.throwIfAborted()
      const gone = await state.write(() => {
        if (state.counter('generation') !== this.#generation) return undefined
        const hasFiles = !filestore.isEmpty
        return chosen.filter(({ hash }) => {
          if (state.run('DELETE FROM blocks WHERE hash = ? AND epoch < ?', hash, this.#threshold) === 0) return false
          if (hasFiles) filestore.forget(hash)
          return true
        })
      }, options)
      if (gone !== undefined) return gone
      await this.#remark(options.remark)
      chosen = chosen.filter(({ hash }) => !options.keep(hash))
    }
  }

  async #remark(remark: (added: readonly Pin[]) => Promise<void>): Promise<void> {
    const { state } = this.#context
    const { generation, added } = await state.read(() => ({
      generation: state.counter('generation'),
      added: pinsSince(state, this.#generation),
    }))
    await remark(added)
    this.#generation = generation
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lock[Symbol.dispose]()
  }
}

/** Returns the first candidates that together reach so many bytes. */
function upTo(candidates: readonly Candidate[], bytes: number): readonly Candidate[] {
  let sum = 0
  const end = candidates.findIndex(({ length }) => {
    sum += length
    return sum >= bytes
  })
  return end === -1 ? candidates : candidates.slice(0, end + 1)
}
