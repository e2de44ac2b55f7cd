import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { type BlockIndex, PACK_OF_FILES, type Row } from './block-index.ts'
import type { Checker } from './check.ts'
import type { Filestore } from './filestore.ts'
import type { PackReader, Place } from './pack-reader.ts'
import { Breath } from './pause.ts'
import type { VerifyEvent, Waiting } from './roles.ts'
import type { State } from './state.ts'

const RAW = 0x55
const SCAN_ROWS = 8192
/** Blocks that are hashed at the same time. */
const HASHES_MAX = 16

/** What a verification works with. */
export interface VerifyContext {
  readonly state: State
  readonly index: BlockIndex
  readonly reader: PackReader
  readonly checker: Checker
  readonly filestore: Filestore
}

interface Item {
  readonly cid: CID
  readonly hash: Uint8Array
  readonly place: Place
}

type Reason = Extract<VerifyEvent, { kind: 'damaged' }>['reason']

/** Reads every block of packs and of users' files, those of one pack in the order in which they lie. */
export async function* verifyBlocks(context: VerifyContext, { signal }: Waiting): AsyncIterable<VerifyEvent> {
  const { state } = context
  const total = await state.read(() => Number(state.row('SELECT count(*) FROM blocks')?.[0]))
  let done = 0
  let after: Uint8Array = new Uint8Array()
  yield { kind: 'progress', done, total }
  for (;;) {
    signal?.throwIfAborted()
    const rows = await state.read(() =>
      state.rows(
        `SELECT hash, pack, offset, length FROM blocks WHERE hash > ? ORDER BY hash LIMIT ${SCAN_ROWS}`,
        after,
      ),
    )
    const items = rows.map(row => {
      const [hash, pack, offset, length] = row as [Uint8Array, number, number, number]
      after = hash
      return { cid: CID.createV1(RAW, Digest.decode(hash)), hash, place: { pack, offset, length } }
    })
    for (const item of await suspectsOf(context, items, signal)) {
      const reason = await whatIsWrong(context, item)
      if (reason !== undefined) yield { kind: 'damaged', cid: item.cid, reason }
    }
    done += rows.length
    yield { kind: 'progress', done: Math.min(done, total), total }
    if (rows.length < SCAN_ROWS) return
  }
}

/** Returns the blocks whose bytes are not what they should be, and those that only a closer look can tell. */
async function suspectsOf(
  { reader, checker }: VerifyContext,
  items: readonly Item[],
  signal: AbortSignal | undefined,
): Promise<Item[]> {
  const breath = new Breath()
  const suspects = items.filter(item => item.place.pack === PACK_OF_FILES)
  const hashing: Promise<void>[] = []
  await reader.readMany(
    items.filter(item => item.place.pack !== PACK_OF_FILES),
    async (item, bytes) => {
      const matches = bytes?.length === item.place.length && checker.matches(item.cid, bytes)
      if (matches === false) suspects.push(item)
      if (matches instanceof Promise) {
        hashing.push(matches.then(whole => void (whole || suspects.push(item))))
        if (hashing.length >= HASHES_MAX) await Promise.all(hashing.splice(0))
      }
      if (breath.due) await breath.take(signal)
    },
  )
  await Promise.all(hashing)
  return suspects
}

/** Looks closer, where the block lies now: it may have been moved or collected meanwhile. */
async function whatIsWrong(context: VerifyContext, { cid, hash }: Item): Promise<Reason | undefined> {
  const row = await context.state.read(() => context.index.find(hash))
  if (row === undefined) return undefined
  const bytes =
    row.pack === PACK_OF_FILES ? await context.filestore.read(hash, row.length) : await context.reader.readInPool(row)
  if (bytes === undefined)
    return (await isStillThere(context, hash, row)) ? 'missing' : await whatIsWrong(context, { cid, hash, place: row })
  if (bytes.length < row.length) return bytes.length === 0 ? 'empty' : 'cut'
  return (await context.checker.matches(cid, bytes)) ? undefined : 'flipped'
}

async function isStillThere({ state, index }: VerifyContext, hash: Uint8Array, row: Row): Promise<boolean> {
  const now = await state.read(() => index.find(hash))
  return now !== undefined && now.pack === row.pack && now.offset === row.offset
}
