import { CID } from 'multiformats/cid'
import { Failure } from '../../contract/failure.ts'
import type { SourceEntry } from '../../contract/source.ts'
import { createHash } from '../../repo/platform-hash.ts'
import { randomHex } from '../../repo/random.ts'
import type { Repo, Waiting } from '../../repo/roles.ts'
import { formatCid } from '../cid.ts'
import { visitDag } from '../dag-walk.ts'
import { type FilesBefore, isFresh, type KnownRoot, type Stamped, stampOf } from './known-files.ts'
import type { ImportSettings } from './settings.ts'

const PREFIX = '/cache/add/'
/** How long what a run left is kept. */
const KEPT_MS = 7 * 24 * 60 * 60 * 1000
/** Work that a killed run may lose. */
const EVERY_MS = 3_000
/** Files that one run leaves behind at most, and that the next one looks at. */
const FILES_MAX = 200_000

/** A file as it is stored: its path, its stamp, its root and the size of its DAG. */
type Row = readonly [path: string, stamp: string, cid: string, size: number]

interface Saved {
  readonly stamp: string
  readonly cid: string
  readonly size: number
  /** The key that it is stored under. */
  readonly key: string
}

/** What is kept of a file until it is written: not its entry, with which all that reads the file would stay. */
interface Noted extends Stamped {
  readonly path: string
  readonly root: KnownRoot
}

const PLAIN = { cidBase: undefined, upgradeCidV0: false }

type CheckpointRepo = Pick<Repo, 'blocks' | 'values'>

/**
 * What earlier runs that did not come to their end have added, so that this one need not read it again; and what this
 * one has, written every few seconds once the blocks are durable. A run that ends sooner writes nothing.
 */
export class Checkpoint implements FilesBefore {
  readonly #repo: CheckpointRepo
  readonly #options: Waiting
  readonly #everyMs: number
  readonly #prefix: string
  readonly #run = randomHex(6)
  readonly #saved = new Map<string, Saved>()
  /** The keys of what this run has written or used. */
  readonly #keys = new Set<string>()
  readonly #beganMs = Date.now()
  #waiting: Noted[] = []
  #savedAt = performance.now()
  #count = 0

  private constructor(
    repo: CheckpointRepo,
    settings: ImportSettings,
    options: Waiting & { readonly everyMs?: number },
  ) {
    this.#repo = repo
    this.#options = options
    this.#everyMs = options.everyMs ?? EVERY_MS
    this.#prefix = `${PREFIX}${settingsKey(settings)}/`
  }

  /** Reads what was left by runs with the same settings, and sweeps what is too old. */
  static async open(
    repo: CheckpointRepo,
    settings: ImportSettings,
    options: Waiting & { readonly everyMs?: number },
  ): Promise<Checkpoint> {
    const checkpoint = new Checkpoint(repo, settings, options)
    const old = new Map<string, undefined>()
    for await (const { key, value } of repo.values.list(PREFIX)) {
      const [, time = ''] = /\/(\d+)-[^/]*$/.exec(key) ?? []
      if (Number(time) < Date.now() - KEPT_MS) old.set(key, undefined)
      else if (key.startsWith(checkpoint.#prefix)) checkpoint.#load(key, value)
    }
    if (old.size > 0) await repo.values.batch(old)
    return checkpoint
  }

  #load(key: string, value: Uint8Array): void {
    const rows: readonly Row[] = JSON.parse(Buffer.from(value).toString())
    for (const [path, stamp, cid, size] of rows) {
      if (this.#saved.size < FILES_MAX) this.#saved.set(path, { stamp, cid, size, key })
    }
  }

  find(entry: SourceEntry): Promise<KnownRoot | undefined> | undefined {
    if (this.#saved.size === 0) return undefined
    const saved = this.#saved.get(entry.localPath ?? '')
    return saved === undefined || saved.stamp !== stampOf(entry) ? undefined : this.#verified(saved)
  }

  /** Garbage collection may have taken blocks since: all of them must be here, and are kept from now on. */
  async #verified({ cid, size, key }: Saved): Promise<KnownRoot | undefined> {
    const { blocks } = this.#repo
    const { signal } = this.#options
    const before = async (cids: readonly CID[]): Promise<void> => {
      const [missing] = await blocks.protect(cids, { signal })
      if (missing !== undefined) throw new Failure('not-found', `block ${missing} is gone`)
    }
    const root = CID.parse(cid)
    try {
      for await (const _ of visitDag(blocks, [root], { signal, before }));
    } catch (error) {
      if (!(error instanceof Failure) || (error.kind !== 'not-found' && error.kind !== 'data-mismatch')) throw error
      return undefined
    }
    this.#keys.add(key)
    return { cid: root, size }
  }

  note(entry: SourceEntry, root: KnownRoot): Promise<void> | undefined {
    const { localPath, size, mtime, inode, mode } = entry
    const isKept = localPath !== undefined && inode !== undefined && this.#count < FILES_MAX
    if (isKept && !isFresh(entry, this.#beganMs)) {
      this.#count += 1
      this.#waiting.push({ path: localPath, size, mtime, inode, mode, root })
    }
    // What was noted before may be due though this file is not noted.
    const isDue = this.#waiting.length > 0 && performance.now() - this.#savedAt >= this.#everyMs
    return isDue ? this.#save() : undefined
  }

  async #save(): Promise<void> {
    const rows = this.#waiting.map(
      ({ root, ...file }): Row => [file.path, stampOf(file) ?? '', formatCid(root.cid, PLAIN), root.size],
    )
    this.#waiting = []
    const key = `${this.#prefix}${Date.now()}-${this.#run}-${this.#keys.size}`
    await this.#repo.blocks.flush(this.#options)
    await this.#repo.values.put(key, Buffer.from(JSON.stringify(rows)))
    this.#keys.add(key)
    this.#savedAt = performance.now()
  }

  /** Forgets what this run has written and used: it came to its end. */
  async done(): Promise<void> {
    if (this.#keys.size > 0) await this.#repo.values.batch(new Map([...this.#keys].map(key => [key, undefined])))
  }
}

/** Returns a text that is the same for settings that make the same DAG of a file. */
function settingsKey({ file, preserveMode, preserveMtime, stat }: ImportSettings): string {
  const text = JSON.stringify([file, preserveMode, preserveMtime, stat])
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
