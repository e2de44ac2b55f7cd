import type { CID } from 'multiformats/cid'
import type { SourceEntry } from '../../contract/source.ts'
import type { ListedEntry } from '../directory-list.ts'
import type { Difference } from './files.ts'

export type ItemType = 'file' | 'directory' | 'symlink' | 'dag'

/** One side of a comparison at one path. */
export interface Item {
  readonly type: ItemType
  /** Bytes of a file; 0 for a folder. */
  readonly size: number
  /** Undefined for what lies on disk. */
  readonly cid?: CID | undefined
  readonly target?: string | undefined
  /** Permission bits; undefined when they are not recorded. */
  readonly mode?: number | undefined
  readonly mtime?: { readonly seconds: number | bigint; readonly nanoseconds?: number | undefined } | undefined
}

/** In what a path differs. */
export type Reason = 'type' | 'content' | 'target' | 'mode' | 'mtime'

/** A path at which two trees differ. */
export interface Change {
  /** Slash-separated, below the roots; empty for the roots themselves. */
  readonly path: string
  /** Undefined when it was added. */
  readonly old: Item | undefined
  /** Undefined when it was removed. */
  readonly new: Item | undefined
  readonly reason?: Reason | undefined
  readonly difference?: Difference | undefined
}

/** Options of a comparison. */
export interface CompareOptions {
  readonly signal?: AbortSignal | undefined
  /** Files are the same when their CIDs are; nothing is read to find out whether their bytes are. */
  readonly byCid?: boolean | undefined
  /** Modes and times are compared where both sides have them. */
  readonly metadata?: boolean | undefined
}

/** Returns what an entry of a folder is. */
export function itemOf(entry: ListedEntry): Item {
  return {
    type: entry.kind === 'unknown' ? 'dag' : entry.kind,
    size: entry.size,
    cid: entry.cid,
    ...(entry.kind === 'symlink' ? { target: entry.target } : {}),
    mode: entry.mode === 0 ? undefined : entry.mode,
    mtime: entry.mtime,
  }
}

/** Returns what a file or folder on disk is. */
export function itemOfSource({ type, size, target, mode, mtime }: SourceEntry): Item {
  const length = type === 'symlink' ? Buffer.byteLength(target ?? '') : (size ?? 0)
  return { type, size: type === 'directory' ? 0 : length, target, mode, mtime }
}

/** Returns whether what is recorded of both sides besides content differs. */
export function metadataReason(old: Item, now: Item): Reason | undefined {
  if (old.mode !== undefined && now.mode !== undefined && old.mode !== now.mode) return 'mode'
  if (old.mtime === undefined || now.mtime === undefined) return undefined
  const apart = nanosecondsOf(old.mtime) - nanosecondsOf(now.mtime)
  return apart < MTIME_APART_MAX && -apart < MTIME_APART_MAX ? undefined : 'mtime'
}

/** In nanoseconds: what sets the time of a file takes seconds with a fraction, and keeps no more of it than that. */
const MTIME_APART_MAX = 1000n

function nanosecondsOf({ seconds, nanoseconds = 0 }: NonNullable<Item['mtime']>): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds)
}
