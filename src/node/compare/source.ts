import { createHash } from 'node:crypto'
import { Failure } from '../../contract/failure.ts'
import type { SourceEntry } from '../../contract/source.ts'
import type { Blocks, Waiting } from '../../repo/roles.ts'
import { compareKeys } from '../dag-model.ts'
import { type ListedEntry, listEntries } from '../directory-list.ts'
import { openEntry } from '../unixfs-entry.ts'
import { type Change, type CompareOptions, type Item, itemOf, itemOfSource, metadataReason } from './change.ts'
import { type CompareBlocks, onlyOne } from './dags.ts'
import { matchStream } from './files.ts'

/** What comparing with a source needs: blocks from anywhere, and those that are here. */
export interface SourceBlocks {
  readonly blocks: CompareBlocks
  readonly here: Pick<Blocks, 'get'>
}

/** Counts of what a source held. */
export interface SourceCounts {
  files: number
  bytes: number
}

/**
 * Yields the paths at which files of the caller, as `readLocalTree` sends them below one root, differ from a DAG. The
 * DAG is the old side. Raw leaves are not read: what the caller has is hashed.
 */
export async function* compareWithSource(
  node: SourceBlocks,
  root: ListedEntry,
  source: AsyncIterable<SourceEntry>,
  options: CompareOptions,
  counts: SourceCounts = { files: 0, bytes: 0 },
): AsyncIterable<Change> {
  const { signal } = options
  const frames: Frame[] = []
  for await (const entry of source) {
    signal?.throwIfAborted()
    const path = belowRoot(entry.path)
    for (let top = frames.at(-1); top !== undefined && !isBelow(path, top.path); top = frames.at(-1)) {
      frames.pop()
      yield* endOfFolder(node.blocks, top, options)
    }
    const above = frames.at(-1)
    const name = path.slice(path.lastIndexOf('/') + 1)
    const wanted = above === undefined ? (path === '' ? root : undefined) : above.entries?.get(name)
    above?.entries?.delete(name)
    if (above !== undefined) above.isEmpty = false
    if (entry.type === 'file') counts.files += 1
    yield* compareOne(node, path, wanted, entry, options, counts)
    if (entry.type !== 'directory') continue
    const isCommon = wanted?.kind === 'directory'
    const entries = isCommon ? await entriesOf(node.blocks, wanted, options) : undefined
    frames.push({ path, entries, isEmpty: true, item: itemOfSource(entry) })
  }
  for (const frame of frames.reverse()) yield* endOfFolder(node.blocks, frame, options)
}

interface Frame {
  readonly path: string
  /** Those of the DAG that were not met yet; undefined when the DAG has no such folder. */
  readonly entries: Map<string, ListedEntry> | undefined
  isEmpty: boolean
  readonly item: Item
}

function isBelow(path: string, folder: string): boolean {
  return folder === '' ? path !== '' : path.startsWith(`${folder}/`)
}

/** The first part of a path names the side. */
function belowRoot(path: string): string {
  const at = path.indexOf('/')
  return at < 0 ? '' : path.slice(at + 1)
}

async function entriesOf(
  blocks: CompareBlocks,
  folder: ListedEntry,
  { signal }: Waiting,
): Promise<Map<string, ListedEntry>> {
  const entries = new Map<string, ListedEntry>()
  for await (const entry of listEntries(blocks, folder.cid, { signal, looksInto: true })) entries.set(entry.name, entry)
  return entries
}

async function* endOfFolder(blocks: CompareBlocks, frame: Frame, options: CompareOptions): AsyncIterable<Change> {
  const { path, entries, isEmpty, item } = frame
  if (entries === undefined && isEmpty) yield { path, old: undefined, new: item }
  const left = [...(entries?.values() ?? [])].sort((one, other) => compareKeys(one.name, other.name))
  for (const entry of left) {
    yield* onlyOne(blocks, path === '' ? entry.name : `${path}/${entry.name}`, entry, undefined, options)
  }
}

async function* compareOne(
  node: SourceBlocks,
  path: string,
  wanted: ListedEntry | undefined,
  entry: SourceEntry,
  options: CompareOptions,
  counts: SourceCounts,
): AsyncIterable<Change> {
  const item = itemOfSource(entry)
  if (wanted === undefined || wanted.kind !== entry.type) {
    const isFolder = wanted?.kind === 'directory' || entry.type === 'directory'
    const size = await sizeOf(entry)
    const now = { ...item, size }
    counts.bytes += entry.type === 'file' ? size : 0
    if (wanted !== undefined && !isFolder) yield { path, old: itemOf(wanted), new: now, reason: 'type' }
    if (wanted !== undefined && isFolder) yield* onlyOne(node.blocks, path, wanted, undefined, options)
    // A folder is told at its end, if nothing lay in it.
    if (entry.type !== 'directory' && (wanted === undefined || isFolder)) yield { path, old: undefined, new: now }
    return
  }
  const old = itemOf(wanted)
  if (entry.type === 'symlink' && wanted.target !== entry.target) {
    yield { path, old, new: item, reason: 'target' }
    return
  }
  if (entry.type === 'file') {
    const found = await compareContent(node, wanted, entry, options)
    counts.bytes += found.size
    if (found.isDifferent) {
      yield { path, old, new: { ...item, size: found.size }, reason: 'content', difference: found.difference }
      return
    }
  }
  const reason = options.metadata === true ? metadataReason(old, item) : undefined
  if (reason !== undefined) yield { path, old, new: item, reason }
}

async function compareContent(
  node: SourceBlocks,
  wanted: ListedEntry,
  entry: SourceEntry,
  { signal }: CompareOptions,
): Promise<{ isDifferent: boolean; difference?: Change['difference']; size: number }> {
  const opened = await openEntry(node.blocks, wanted.cid, { signal })
  if (opened.kind !== 'file') throw new Error('an entry has changed its kind')
  const content = counted(entry)
  const { difference } = await matchStream(node.blocks, node.here, opened.root, content.bytes, {
    signal,
    drain: entry.size === undefined,
  })
  if (difference === undefined) return { isDifferent: false, size: content.count() }
  return { isDifferent: true, difference, size: entry.size ?? content.count() }
}

function counted(entry: SourceEntry): { bytes: AsyncIterable<Uint8Array>; count: () => number } {
  let size = 0
  async function* pass(): AsyncIterable<Uint8Array> {
    for await (const piece of entry.content?.() ?? []) {
      size += piece.length
      yield piece
    }
  }
  return { bytes: pass(), count: () => size }
}

/** Returns the size of a file; one that comes without is read to its end. */
async function sizeOf(entry: SourceEntry): Promise<number> {
  if (entry.type === 'symlink') return itemOfSource(entry).size
  if (entry.type === 'directory') return 0
  if (entry.size !== undefined) return entry.size
  const content = counted(entry)
  for await (const _ of content.bytes);
  return content.count()
}

/** Yields the paths at which two trees of the caller differ: those below `a`, then those below `b`. */
export async function* compareSources(
  source: AsyncIterable<SourceEntry>,
  options: CompareOptions,
): AsyncIterable<Change> {
  const [olds, nows] = [new LocalSide(), new LocalSide()]
  for await (const entry of source) {
    options.signal?.throwIfAborted()
    const [side] = entry.path.split('/')
    if (side !== 'a' && side !== 'b') throw new Failure('usage', 'a third side was sent')
    await (side === 'a' ? olds : nows).add(entry)
  }
  for (const [path, now] of nows.items) {
    const old = olds.items.get(path)
    if (old !== undefined && (old.type === 'directory') === (now.type === 'directory')) {
      yield* compareItems(path, old, now, options)
    } else if (nows.isShown(path, now)) yield { path, old: undefined, new: now }
  }
  for (const [path, old] of olds.items) {
    const now = nows.items.get(path)
    const isCommon = now !== undefined && (old.type === 'directory') === (now.type === 'directory')
    if (!isCommon && olds.isShown(path, old)) yield { path, old, new: undefined }
  }
}

type Digested = Item & { readonly digest: string }

/** All that lies below one root. */
class LocalSide {
  readonly items = new Map<string, Digested>()
  /** Folders in which something lies. */
  readonly #full = new Set<string>()

  async add(entry: SourceEntry): Promise<void> {
    const path = belowRoot(entry.path)
    this.items.set(path, await digested(entry))
    if (path !== '') this.#full.add(path.slice(0, Math.max(0, path.lastIndexOf('/'))))
  }

  /** A folder is told of when nothing lies in it. */
  isShown(path: string, item: Item): boolean {
    return item.type !== 'directory' || !this.#full.has(path)
  }
}

function* compareItems(path: string, old: Digested, now: Digested, options: CompareOptions): Iterable<Change> {
  const reason =
    old.type !== now.type
      ? 'type'
      : old.type === 'symlink' && old.target !== now.target
        ? 'target'
        : old.digest !== now.digest
          ? 'content'
          : options.metadata === true
            ? metadataReason(old, now)
            : undefined
  if (reason !== undefined) yield { path, old, new: now, reason }
}

async function digested(entry: SourceEntry): Promise<Digested> {
  if (entry.type !== 'file') return { ...itemOfSource(entry), digest: '' }
  const hash = createHash('sha256')
  const content = counted(entry)
  for await (const piece of content.bytes) hash.update(piece)
  return { ...itemOfSource(entry), size: content.count(), digest: hash.digest('hex') }
}
