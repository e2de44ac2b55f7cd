import type { CID } from 'multiformats/cid'
import type { SourceEntry } from '../../contract/source.ts'
import type { Blocks } from '../../repo/roles.ts'

/** Files that are remembered at most; of more, the others are read again. */
const FILES_MAX = 1_000_000
/** What was modified so shortly before it was looked at may be modified again without a later time of modification. */
const FRESH_MS = 100

/** The root of a file. */
export interface KnownRoot {
  readonly cid: CID
  readonly size: number
}

/** What was made of files before. */
export interface FilesBefore {
  /** Returns the root of a file that has not changed; undefined when it has to be read. */
  find(entry: SourceEntry): Promise<KnownRoot | undefined> | undefined
  /** Remembers a file that was read. */
  note(entry: SourceEntry, root: KnownRoot): Promise<void> | undefined
}

interface Known extends KnownRoot {
  readonly stamp: string
  round: number
}

/**
 * What files were made into, by path: one with the same size, time of modification, inode and mode need not be read
 * again. For files on this machine only.
 */
export class KnownFiles implements FilesBefore {
  readonly #files = new Map<string, Known>()
  readonly #blocks: Pick<Blocks, 'has'> | undefined
  #round = 0
  #beganMs = 0

  /** The root of a file must be in `blocks` still; undefined: they are nowhere. */
  constructor(blocks: Pick<Blocks, 'has'> | undefined) {
    this.#blocks = blocks
  }

  /** Begins to look at the files once more. */
  begin(): void {
    this.#round += 1
    this.#beganMs = Date.now()
  }

  async find(entry: SourceEntry): Promise<KnownRoot | undefined> {
    const known = this.#files.get(entry.localPath ?? '')
    if (known === undefined || known.stamp !== stampOf(entry)) return undefined
    if (this.#blocks !== undefined && !(await this.#blocks.has(known.cid))) return undefined
    known.round = this.#round
    return known
  }

  note(entry: SourceEntry, { cid, size }: KnownRoot): undefined {
    const { localPath } = entry
    const stamp = stampOf(entry)
    if (localPath === undefined || stamp === undefined) return
    if (isFresh(entry, this.#beganMs) || this.#files.size >= FILES_MAX) this.#files.delete(localPath)
    else this.#files.set(localPath, { cid, size, stamp, round: this.#round })
  }

  /** Forgets the files that were not met in this round. */
  end(): void {
    for (const [path, { round }] of this.#files) if (round !== this.#round) this.#files.delete(path)
  }
}

/** Returns true for a file that may be modified, after it was looked at, without a later time of modification. */
export function isFresh({ mtime }: SourceEntry, beganMs: number): boolean {
  return mtime === undefined || mtime.seconds * 1000 + mtime.nanoseconds / 1e6 > beganMs - FRESH_MS
}

/** What tells whether a file is the same still. */
export type Stamped = Pick<SourceEntry, 'size' | 'mtime' | 'inode' | 'mode'>

/** Returns what changes when a file does; undefined for one that is not on this machine. */
export function stampOf({ size, mtime, inode, mode }: Stamped): string | undefined {
  if (size === undefined || mtime === undefined || inode === undefined) return undefined
  return `${size} ${mtime.seconds}.${mtime.nanoseconds} ${inode} ${mode}`
}
