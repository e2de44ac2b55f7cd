import { Breath } from '../../repo/pause.ts'
import type { Blocks, Waiting } from '../../repo/roles.ts'
import type { Link } from '../dag-model.ts'
import { visitKey } from '../dag-walk.ts'
import { describeLinks, type ListedEntry } from '../directory-list.ts'
import { walkTree } from '../tree-walk.ts'
import { openEntry } from '../unixfs-entry.ts'
import { type Change, type CompareOptions, itemOf, metadataReason } from './change.ts'
import { differingEntries, type EntryPair } from './directories.ts'
import { compareFiles } from './files.ts'

export type CompareBlocks = Pick<Blocks, 'get' | 'getMany'>

/** Yields the paths at which two DAGs differ, and reads only what does. */
export async function* compareDags(
  blocks: CompareBlocks,
  old: ListedEntry,
  now: ListedEntry,
  options: CompareOptions,
): AsyncIterable<Change> {
  const breath = new Breath()
  const open: { readonly path: string; readonly old: ListedEntry; readonly now: ListedEntry }[] = [
    { path: '', old, now },
  ]
  for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
    if (breath.due) await breath.take(options.signal)
    const { path } = pair
    if (visitKey(pair.old.cid) === visitKey(pair.now.cid)) continue
    if (pair.old.kind !== 'directory' || pair.now.kind !== 'directory') {
      yield* compareEntries(blocks, pair, options)
      continue
    }
    if (options.metadata === true) yield* metadataChange(pair)
    const below: typeof open = []
    const { signal } = options
    const found = await differingEntries(blocks, pair.old.cid, pair.now.cid, { signal })
    for await (const [name, one, other] of describePairs(blocks, found, { signal })) {
      const inner = path === '' ? name : `${path}/${name}`
      if (one !== undefined && other !== undefined) below.push({ path: inner, old: one, now: other })
      else yield* onlyOne(blocks, inner, one, other, options)
    }
    open.push(...below.reverse())
  }
}

interface Pair {
  readonly path: string
  readonly old: ListedEntry
  readonly now: ListedEntry
}

function* metadataChange({ path, old, now }: Pair): Iterable<Change> {
  const [before, after] = [itemOf(old), itemOf(now)]
  const reason = metadataReason(before, after)
  if (reason !== undefined) yield { path, old: before, new: after, reason }
}

async function* compareEntries(blocks: CompareBlocks, pair: Pair, options: CompareOptions): AsyncIterable<Change> {
  const { path, old, now } = pair
  const items = { path, old: itemOf(old), new: itemOf(now) }
  if (old.kind !== now.kind) {
    if (old.kind !== 'directory' && now.kind !== 'directory') yield { ...items, reason: 'type' }
    else {
      yield* onlyOne(blocks, path, old, undefined, options)
      yield* onlyOne(blocks, path, undefined, now, options)
    }
    return
  }
  if (old.kind === 'symlink') {
    if (old.target !== now.target) yield { ...items, reason: 'target' }
    else if (options.metadata === true) yield* metadataChange(pair)
    return
  }
  if (old.kind !== 'file' || options.byCid === true || old.size !== now.size) {
    yield { ...items, reason: 'content' }
    return
  }
  const { signal } = options
  const [one, other] = [await openEntry(blocks, old.cid, { signal }), await openEntry(blocks, now.cid, { signal })]
  if (one.kind !== 'file' || other.kind !== 'file') throw new Error('an entry has changed its kind')
  const difference = await compareFiles(blocks, one.root, other.root, { signal })
  if (difference !== undefined) yield { ...items, reason: 'content', difference }
  else if (options.metadata === true) yield* metadataChange(pair)
}

/** Yields what lies at a path on one side only: files, links, and folders without entries. */
export async function* onlyOne(
  blocks: CompareBlocks,
  path: string,
  old: ListedEntry | undefined,
  now: ListedEntry | undefined,
  { signal }: Waiting,
): AsyncIterable<Change> {
  const entry = old ?? now
  if (entry === undefined) return
  const change = (at: string, met: ListedEntry): Change => {
    const item = itemOf(met)
    return old === undefined ? { path: at, old: undefined, new: item } : { path: at, old: item, new: undefined }
  }
  for await (const step of walkTree(blocks, entry.cid, path, { signal })) {
    const at = path === '' ? step.path.slice(1) : step.path
    const isFolder = step.entry.kind === 'directory'
    if (step.step === 'end' ? step.entries === 0 : !isFolder) yield change(at, step.entry)
  }
}

/** Yields the pairs with what their entries are. */
async function* describePairs(
  blocks: CompareBlocks,
  pairs: readonly EntryPair[],
  options: Waiting,
): AsyncIterable<[string, ListedEntry | undefined, ListedEntry | undefined]> {
  for (let from = 0; from < pairs.length; from += PAIRS_MAX) {
    const some = pairs.slice(from, from + PAIRS_MAX)
    const links = some.flatMap(({ one, other }): Link[] => [one, other].filter(link => link !== undefined))
    const described = describeLinks(blocks, links, { ...options, looksInto: true })[Symbol.asyncIterator]()
    const next = async (link: Link | undefined): Promise<ListedEntry | undefined> =>
      link === undefined ? undefined : ((await described.next()).value ?? undefined)
    for (const { name, one, other } of some) yield [name, await next(one), await next(other)]
  }
}

const PAIRS_MAX = 64
