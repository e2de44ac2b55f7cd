import { Failure } from '../contract/failure.ts'
import type { BlockIndex } from './block-index.ts'
import type { Checker } from './check.ts'
import type { Filestore } from './filestore.ts'
import { type FlatBlocks, sweepTemporary } from './flatfs.ts'
import type { Layout } from './layout.ts'
import { KernelLock } from './locks.ts'
import { pinRecords, pinsSince } from './pins.ts'
import type { Collection, Maintenance, VerifyEvent, Waiting } from './roles.ts'
import type { RootsLog } from './roots-log.ts'
import type { State } from './state.ts'
import { valueRecords } from './values.ts'

export interface FlatContext {
  readonly layout: Layout
  readonly state: State
  readonly index: BlockIndex
  readonly checker: Checker
  readonly filestore: Filestore
  readonly log: RootsLog
  readonly blocks: FlatBlocks
  readonly lockTimeoutMs: number
}

/** Returns garbage collection and verification for flatfs. */
export function flatMaintenance(context: FlatContext): Maintenance {
  return {
    beginCollection: options => beginCollection(context, options),
    verify: options => verifyFiles(context, options),
  }
}

async function beginCollection(context: FlatContext, options: Waiting): Promise<Collection> {
  const { layout, blocks, lockTimeoutMs } = context
  await blocks.renew()
  const lock = await KernelLock.wait(layout.collectionLock, 'exclusive', {
    ...{ timeoutMs: lockTimeoutMs, signal: options.signal },
    busy: 'another command writes to the repo',
  })
  return {
    sweep: sweepOptions => sweep(context, sweepOptions),
    async [Symbol.asyncDispose]() {
      lock[Symbol.dispose]()
    },
  }
}

async function* sweep(
  { layout, state, filestore, index, log, blocks }: FlatContext,
  options: Parameters<Collection['sweep']>[0],
): ReturnType<Collection['sweep']> {
  let freed = 0
  // Whoever adds pins shares the lock that is held alone here; only those who merely move roots may be at work.
  await options.remark(await state.read(() => pinsSince(state, -1)))
  for await (const { cid, size } of blocks.list({ signal: options.signal })) {
    const multihash = cid.multihash.bytes
    if (options.keep(multihash)) continue
    if (options.dryRun !== true) {
      await state.write(() => {
        filestore.forget(multihash)
        index.delete(multihash)
      })
      await blocks.remove(multihash)
    }
    yield { multihash, size }
    freed += size
    if (freed >= (options.bytesMax ?? Number.POSITIVE_INFINITY)) break
  }
  if (options.dryRun === true) return
  await sweepTemporary(layout.flatfs)
  await log.compact(() => [...pinRecords(state), ...valueRecords(state)])
}

async function* verifyFiles({ blocks }: FlatContext, { signal }: Waiting): AsyncIterable<VerifyEvent> {
  let done = 0
  let total = 0
  for await (const _ of blocks.list({ signal })) total++
  yield { kind: 'progress', done, total }
  for await (const { cid, size } of blocks.list({ signal })) {
    try {
      await blocks.get(cid, { signal })
    } catch (error) {
      if (!(error instanceof Failure) || error.kind !== 'data-mismatch') throw error
      yield { kind: 'damaged', cid, reason: size === 0 ? 'empty' : 'flipped' }
    }
    if (++done % 1000 === 0) yield { kind: 'progress', done, total }
  }
  yield { kind: 'progress', done, total }
}
