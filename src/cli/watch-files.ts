import { type FSWatcher, statSync, watch } from 'node:fs'
import { resolve } from 'node:path'
import type { Caller } from '../contract/command.ts'
import { Failure, systemFailure } from '../contract/failure.ts'
import type { SourceEntry, WatchedSource } from '../contract/source.ts'
import { systemPath } from './local-file.ts'
import { type FileOptions, readFiles } from './read-files.ts'
import type { TreeRules } from './walk-tree.ts'

/** A round begins when nothing has changed for so long, */
const QUIET_MS = 200
/** or after so long, when changes never end. */
const BUSY_MS_MAX = 2_000
/** Where the system cannot tell of changes, they are looked for so often. */
const POLL_MS = 2_000
/** Folders that the system is asked to watch. */
const FOLDERS_MAX = 8_192

/** Returns folders with all that is in them, now and again each time that something has changed. */
export function watchFiles(paths: readonly string[], caller: Caller, options: FileOptions): WatchedSource {
  for (const path of paths.length === 0 ? ['-'] : paths) checkFolder(path, caller)
  const read = (rules: Partial<TreeRules> = {}): AsyncIterable<SourceEntry> =>
    readFiles(paths, caller, { folders: true }, { ...options, recursive: true }, rules)
  return {
    [Symbol.asyncIterator]: () => read()[Symbol.asyncIterator](),
    rounds: () => rounds(read, caller.signal),
  }
}

function checkFolder(path: string, { io }: Caller): void {
  if (path !== '-') {
    try {
      if (statSync(systemPath(resolve(io.cwd, path))).isDirectory()) return
    } catch (error) {
      throw systemFailure(error, path)
    }
  }
  throw new Failure('usage', '--watch is for folders', { hint: 'name the folder that the files lie in' })
}

async function* rounds(
  read: (rules: Partial<TreeRules>) => AsyncIterable<SourceEntry>,
  signal: AbortSignal,
): AsyncGenerator<AsyncIterable<SourceEntry>> {
  using folders = new WatchedFolders()
  for (;;) {
    folders.begin()
    yield read({ skipsMissing: true, entering: (path, inode) => folders.enter(path, inode) })
    folders.end()
    await folders.changed(signal)
  }
}

interface WatchedFolder {
  readonly watcher: FSWatcher
  readonly inode: bigint
  round: number
}

/** Watches each folder that a round comes into, from before it is read: nothing that happens later is missed. */
class WatchedFolders implements Disposable {
  readonly #folders = new Map<string, WatchedFolder>()
  #round = 0
  #isDirty = false
  #polls = false
  #wake: () => void = () => undefined

  begin(): void {
    this.#round += 1
    this.#isDirty = false
  }

  enter(path: string, inode: bigint): void {
    const there = this.#folders.get(path)
    if (there?.inode === inode) {
      there.round = this.#round
      return
    }
    this.#leave(path)
    if (this.#folders.size >= FOLDERS_MAX) {
      this.#polls = true
      return
    }
    try {
      const watcher = watch(systemPath(path), () => this.#changed())
      watcher.on('error', () => {
        // The system takes no more watchers, or the folder is gone; in either case it is looked at again.
        this.#polls = true
        this.#leave(path)
        this.#changed()
      })
      this.#folders.set(path, { watcher, inode, round: this.#round })
    } catch {
      this.#polls = true // As above.
    }
  }

  /** Forgets folders that the round did not come into. */
  end(): void {
    for (const [path, { round }] of this.#folders) if (round !== this.#round) this.#leave(path)
  }

  /** Resolves when something has changed since the round began, and nothing more for a moment. */
  async changed(signal: AbortSignal): Promise<void> {
    await this.#event(signal, this.#polls ? POLL_MS : undefined)
    const end = performance.now() + BUSY_MS_MAX
    do {
      this.#isDirty = false
      await this.#event(signal, QUIET_MS)
    } while (this.#isDirty && performance.now() < end)
  }

  #changed(): void {
    this.#isDirty = true
    this.#wake()
  }

  async #event(signal: AbortSignal, ms: number | undefined): Promise<void> {
    signal.throwIfAborted()
    if (this.#isDirty) return
    const event = Promise.withResolvers<void>()
    const wake = (): void => event.resolve()
    this.#wake = wake
    const timer = ms === undefined ? undefined : setTimeout(wake, ms)
    signal.addEventListener('abort', wake, { once: true })
    await event.promise
    clearTimeout(timer)
    signal.removeEventListener('abort', wake)
    signal.throwIfAborted()
  }

  #leave(path: string): void {
    this.#folders.get(path)?.watcher.close()
    this.#folders.delete(path)
  }

  [Symbol.dispose](): void {
    for (const path of [...this.#folders.keys()]) this.#leave(path)
  }
}
