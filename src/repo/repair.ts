import { randomBytes } from 'node:crypto'
import { createReadStream, readdirSync } from 'node:fs'
import { link, open, rename, unlink } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { CID } from 'multiformats/cid'
import { errorCode, Failure, systemFailure } from '../contract/failure.ts'
import { BlockIndex, type NewRow } from './block-index.ts'
import { Checker, type CheckOther } from './check.ts'
import { syncFolder } from './durable.ts'
import { type Layout, packFile, packIdFromName, slotsFromNames } from './layout.ts'
import { KernelLock } from './locks.ts'
import { isDagPbLeaf, scanPack } from './pack-scan.ts'
import { deletePin, pinOf, putPin } from './pins.ts'
import type { Waiting } from './roles.ts'
import { type RootRecord, recordOf } from './roots-log.ts'
import { readEpoch } from './run.ts'
import { createStateFile, type Engine, State } from './state.ts'
import { putValue } from './values.ts'

const DAG_PB = 0x70
const IDENTITY = 0
const ROWS_AT_ONCE = 4096

export interface RepairOptions extends Waiting {
  readonly engine: Engine
  readonly lockTimeoutMs: number
  /** Builds the database anew even when nothing seems wrong with it. */
  readonly force: boolean
  readonly checkOther?: CheckOther | undefined
}

/** What a repair does, as it does it. */
export type RepairEvent =
  /** The database is as it should be: nothing was changed. */
  | { readonly kind: 'sound' }
  /** Why the database is built anew. */
  | { readonly kind: 'cause'; readonly text: string }
  | { readonly kind: 'pack'; readonly name: string; readonly blocks: number; readonly damaged: number }
  | { readonly kind: 'roots'; readonly pins: number; readonly values: number; readonly damagedLines: number }
  /** What was there before was kept under this name. */
  | { readonly kind: 'kept'; readonly path: string }

/** Builds the state database anew from the packs and the journal, when it is lost or damaged. Holds the repo alone. */
export async function* repairRepo(layout: Layout, options: RepairOptions): AsyncIterable<RepairEvent> {
  using _lock = await KernelLock.wait(layout.repoLock, 'exclusive', {
    ...{ timeoutMs: options.lockTimeoutMs, signal: options.signal },
    busy: 'the repo is in use by another command or by a daemon',
  })
  const cause = options.force ? 'asked for' : await whatIsWrong(layout)
  if (cause === undefined) {
    yield { kind: 'sound' }
    return
  }
  yield { kind: 'cause', text: cause }
  const fresh = `${layout.state}.new-${randomBytes(6).toString('hex')}`
  try {
    yield* build(layout, fresh, options)
    yield* replace(layout, fresh)
  } finally {
    for (const suffix of ['', '-wal', '-shm']) await unlink(fresh + suffix).catch(ignoreMissing)
  }
}

async function whatIsWrong(layout: Layout): Promise<string | undefined> {
  let state: State | undefined
  try {
    state = openAlone(layout.state)
    const complaints = await state.check()
    if (complaints.length > 0) return `${layout.state} is damaged: ${complaints[0]}`
    await state.read(() => state?.rows('SELECT blocks.hash FROM blocks, file_blocks, pins, pairs, packs, meta LIMIT 0'))
    return undefined
  } catch (error) {
    if (error instanceof Failure) return error.message
    return `${layout.state} is damaged: ${error instanceof Error ? error.message : String(error)}`
  } finally {
    state?.[Symbol.dispose]()
  }
}

/** The lock that writers share is held alone here, so the database asks for none. */
function openAlone(file: string): State {
  return State.open(file, { writeLock: undefined, durability: 'full', lockTimeoutMs: 0 })
}

async function* build(layout: Layout, fresh: string, options: RepairOptions): AsyncIterable<RepairEvent> {
  createStateFile(fresh, options.engine)
  using state = openAlone(fresh)
  const names = options.engine === 'packs' ? readdirSync(layout.packs).sort() : []
  for (const name of names) {
    const id = packIdFromName(name)
    if (id === undefined) continue
    options.signal?.throwIfAborted()
    yield { kind: 'pack', name, ...(await indexPack(layout, state, id, options)) }
  }
  yield { kind: 'roots', ...(await replay(layout, state)) }
  // Live runs may have written greater numbers beside their slots.
  const epochs = slotsFromNames(readdirSync(layout.locks)).map(slot => readEpoch(layout, slot))
  await state.write(() => state.run("UPDATE meta SET value = ? WHERE key = 'epoch'", Math.max(0, ...epochs) + 1))
  await state.checkpoint()
}

/** Writes rows for the sound blocks of a pack. Damaged ones get a row when no other pack has them: `repo verify` names them. */
async function indexPack(
  layout: Layout,
  state: State,
  id: number,
  options: RepairOptions,
): Promise<{ blocks: number; damaged: number }> {
  const index = new BlockIndex(state)
  let rows: (NewRow & { readonly sound: boolean })[] = []
  let blocks = 0
  let damaged = 0
  const store = async (): Promise<void> => {
    const some = rows
    rows = []
    await state.write(() => {
      for (const row of some) if (row.sound || !index.has(row.hash)) index.replace(row, 0)
    })
  }
  const sections = scanPack(packFile(layout, id), new Checker(options.checkOther))
  let next = await sections.next()
  for (; next.done !== true; next = await sections.next()) {
    const { cid, bytes, offset, sound } = next.value
    if (cid.multihash.code === IDENTITY) continue
    blocks++
    if (!sound) damaged++
    const leaf = sound && cid.code === DAG_PB && isDagPbLeaf(bytes)
    rows.push({ hash: cid.multihash.bytes, place: { pack: id, offset, length: bytes.length }, leaf, sound })
    if (rows.length < ROWS_AT_ONCE) continue
    await store()
    options.signal?.throwIfAborted()
  }
  await store()
  // Nothing is appended to a pack whose chain of sections is broken somewhere.
  const end = next.value
  await state.write(() => index.commitPack(id, end, damaged > 0))
  return { blocks, damaged }
}

/** Carries out what the journal says, in its order. */
async function replay(layout: Layout, state: State): Promise<{ pins: number; values: number; damagedLines: number }> {
  let damagedLines = 0
  const records: RootRecord[] = []
  try {
    const lines = createInterface({
      input: createReadStream(layout.rootsLog, 'utf8'),
      crlfDelay: Number.POSITIVE_INFINITY,
    })
    for await (const line of lines) {
      const record = line === '' ? undefined : recordOf(line)
      if (record !== undefined) records.push(record)
      else if (line !== '') damagedLines++
      if (records.length >= ROWS_AT_ONCE) await applyAll(state, records.splice(0))
    }
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw systemFailure(error, layout.rootsLog)
  }
  await applyAll(state, records)
  const [pins, values] = await state.read(
    () => state.row('SELECT (SELECT count(*) FROM pins), (SELECT count(*) FROM pairs)') as number[],
  )
  return { pins: pins ?? 0, values: values ?? 0, damagedLines }
}

async function applyAll(state: State, records: readonly RootRecord[]): Promise<void> {
  await state.write(() => {
    for (const record of records) {
      if ('pin' in record) putPin(state, pinOf(record))
      else if ('unpin' in record) deletePin(state, CID.parse(record.unpin))
      else if ('set' in record) putValue(state, record.set, Uint8Array.from(Buffer.from(record.value, 'base64')))
      else putValue(state, record.unset, undefined)
    }
  })
}

/** Puts the fresh database in the place of the old one, which is kept beside it. */
async function* replace(layout: Layout, fresh: string): AsyncIterable<RepairEvent> {
  const kept = `${layout.state}.damaged-${new Date().toISOString().replace(/[:.]/g, '-')}`
  try {
    await using file = await open(fresh, 'r+')
    await file.sync()
  } catch (error) {
    throw systemFailure(error, fresh)
  }
  // The old database goes first: without it the repo says that it needs repair, whenever this is cut short.
  const { log, index } = layout.stateCompanions
  const moves = [
    [layout.state, kept],
    [log, `${kept}-wal`],
    [index, `${kept}-shm`],
  ] as const
  let found = false
  for (const [from, to] of moves) {
    try {
      await rename(from, to)
      found = true
    } catch (error) {
      ignoreMissing(error)
    }
  }
  await link(fresh, layout.state)
  await syncFolder(layout.root)
  if (found) yield { kind: 'kept', path: kept }
}

function ignoreMissing(error: unknown): void {
  if (errorCode(error) !== 'ENOENT') throw error
}
