import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import { Breath } from '../repo/pause.ts'
import type { Blocks, Waiting } from '../repo/roles.ts'
import { compareKeys } from './dag-model.ts'
import { describeRoot, type ListedEntry, listEntries } from './directory-list.ts'

/** Folders that lie deeper are refused. */
const DEPTH_MAX = 1024

/** What a walk over folders meets: an entry, then what lies in it, then its end when it is a folder that was listed. */
export type TreeStep =
  | {
      readonly step: 'entry'
      readonly entry: ListedEntry
      /** Slash-separated, below the root; the root has the name that it was given. */
      readonly path: string
      /** 0 for the root. */
      readonly depth: number
      /** No other entry of the same folder follows. */
      readonly isLast: boolean
    }
  | {
      readonly step: 'end'
      readonly entry: ListedEntry
      readonly path: string
      readonly depth: number
      /** Blocks of the folder itself: its root and its shards. */
      readonly blocks: readonly { readonly cid: CID; readonly size: number }[]
      readonly entries: number
    }

/** Options of `walkTree`. */
export interface TreeOptions extends Waiting {
  /** Folders at this depth are not listed. */
  readonly depthMax?: number | undefined
  /** Says which entries are met; all others are left out, with what lies in them. */
  readonly filter?: ((entry: ListedEntry) => boolean) | undefined
  /** Says whether a folder is listed; all are when it is not given. */
  readonly descends?: ((folder: ListedEntry, depth: number) => boolean) | undefined
}

/**
 * Yields the entries of a UnixFS tree in depth-first order, those of a folder by the bytes of their names. What is no
 * UnixFS is an entry of an unknown kind, and is not looked into.
 */
export async function* walkTree(
  blocks: Pick<Blocks, 'get' | 'getMany'>,
  root: CID,
  name: string,
  options: TreeOptions = {},
): AsyncIterable<TreeStep> {
  const { signal, depthMax = DEPTH_MAX } = options
  const breath = new Breath()
  const top = await describeRoot(blocks, root, name, { signal })
  yield { step: 'entry', entry: top, path: name, depth: 0, isLast: true }
  const descends = (entry: ListedEntry, depth: number): boolean =>
    entry.kind === 'directory' && depth < depthMax && options.descends?.(entry, depth) !== false
  if (!descends(top, 0)) return
  const frames: Frame[] = [await openFrame(blocks, top, name, options)]
  for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
    if (breath.due) await breath.take(signal)
    const entry = frame.entries[frame.at]
    if (entry === undefined) {
      frames.pop()
      const { folder, path, own, entries } = frame
      yield { step: 'end', entry: folder, path, depth: frames.length, blocks: own, entries: entries.length }
      continue
    }
    frame.at += 1
    const path = `${frame.path}/${entry.name}`
    const depth = frames.length
    yield { step: 'entry', entry, path, depth, isLast: frame.at === frame.entries.length }
    if (!descends(entry, depth)) continue
    if (depth >= DEPTH_MAX) throw new Failure('failed', `${path}: folders are nested deeper than ${DEPTH_MAX}`)
    frames.push(await openFrame(blocks, entry, path, options))
  }
}

interface Frame {
  readonly folder: ListedEntry
  readonly path: string
  readonly entries: readonly ListedEntry[]
  readonly own: readonly { readonly cid: CID; readonly size: number }[]
  at: number
}

async function openFrame(
  blocks: Pick<Blocks, 'get' | 'getMany'>,
  folder: ListedEntry,
  path: string,
  { signal, filter }: TreeOptions,
): Promise<Frame> {
  const { length } = await blocks.get(folder.cid, { signal })
  const own = [{ cid: folder.cid, size: length }]
  const shard = (cid: CID, size: number): void => {
    own.push({ cid, size })
  }
  const entries: ListedEntry[] = []
  for await (const entry of listEntries(blocks, folder.cid, { signal, looksInto: true, shard })) {
    if (filter?.(entry) !== false) entries.push(entry)
  }
  entries.sort((one, other) => compareKeys(one.name, other.name))
  return { folder, path, entries, own, at: 0 }
}
