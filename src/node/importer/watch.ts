import { Failure } from '../../contract/failure.ts'
import type { SourceEntry, WatchedSource } from '../../contract/source.ts'
import type { Node } from '../node.ts'
import { type AddOptions, addAll } from './add.ts'
import type { Imported } from './import-tree.ts'
import { KnownFiles } from './known-files.ts'

/** What a round has made: a root that is new, or what became of the record of its name. */
export type WatchEvent = Imported | { readonly published: string } | { readonly unpublished: string }

export interface WatchOptions extends AddOptions {
  /** The key under whose name each root is published. */
  readonly ipns: string | undefined
}

/** Returns the source as one that can be watched. Throws `usage` when the files lie with somebody else. */
export function watchedSource(source: AsyncIterable<SourceEntry>): WatchedSource {
  if (isWatched(source)) return source
  throw new Failure('usage', '--watch watches folders on the machine of the node', { hint: 'leave out --api' })
}

function isWatched(source: AsyncIterable<SourceEntry>): source is WatchedSource {
  return 'rounds' in source
}

/** Adds folders again each time that something in them has changed, and yields each new root. Ends by its signal only. */
export async function* addWatched(
  node: Node,
  source: WatchedSource,
  options: WatchOptions,
): AsyncGenerator<WatchEvent> {
  const { ipns, signal } = options
  if (ipns !== undefined) {
    const { findKey } = await import('../ipns/keys.ts')
    await findKey(node.repo, ipns)
  }
  const known = new KnownFiles(options.onlyHash ? undefined : node.repo.blocks)
  const last = new Map<string, string>()
  const isOld = ({ name, cid }: Imported): boolean => last.get(name) === cid.toString()
  const isKnown = (roots: readonly Imported[]): boolean => {
    if (ipns === undefined || roots.length < 2) return roots.every(isOld)
    throw new Failure('usage', '--ipns is for a single folder', { hint: 'wrap them in one with -w' })
  }
  for await (const entries of source.rounds()) {
    known.begin()
    const roots: Imported[] = []
    const quiet = { ...options, silent: true, progress: false, known, isKnown }
    for await (const event of addAll(node, entries, quiet)) {
      if ('cid' in event && event.name === (options.wrapWithDirectory ? '' : event.top.name)) roots.push(event)
    }
    known.end()
    for (const root of roots) {
      if (isOld(root)) continue
      last.set(root.name, root.cid.toString())
      yield root
      if (ipns !== undefined) yield await publish(node, ipns, `/ipfs/${root.cid}`, signal)
    }
  }
}

/** Has the daemon on this repo publish, or does it here. That nobody takes a record is no reason to end. */
async function publish(node: Node, key: string, target: string, signal: AbortSignal | undefined): Promise<WatchEvent> {
  const [{ LIFETIME_DEFAULT_MS, publishName, TTL_DEFAULT_MS }, { findKey }, { formatName }] = await Promise.all([
    import('../ipns/publish.ts'),
    import('../ipns/keys.ts'),
    import('../ipns/name.ts'),
  ])
  const byDaemon = await node.publishByDaemon?.(key, target, { signal })
  if (byDaemon !== undefined) return { published: byDaemon }
  const mode = node.globals.offline ? 'here' : 'network'
  const request = { target, lifetimeMs: LIFETIME_DEFAULT_MS, ttlMs: TTL_DEFAULT_MS, v1compat: true, mode } as const
  try {
    return { published: formatName(await publishName(node, await findKey(node.repo, key), request, { signal })) }
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'network') throw error
    return { unpublished: error.message }
  }
}
