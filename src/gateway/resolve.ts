import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import { type PathNode, parsePath, resolvePath } from '../node/path.ts'
import type { Waiting } from '../repo/roles.ts'
import { GatewayError } from './answer.ts'

/** A path as it was asked for, and what it stands for now. */
export interface ContentPath {
  /** As the client is told: cleaned, with the slash at its end. */
  readonly text: string
  readonly isMutable: boolean
  /** `/ipfs/<cid>/…`, the names resolved. */
  readonly immutable: string
  readonly root: CID
  readonly segments: readonly string[]
  /** How long a name's answer may be kept, in seconds; undefined: not known. */
  readonly ttl?: number | undefined
}

/** Where a path leads. */
export interface Target {
  /** What each segment of the path leads to, up to the target itself. */
  readonly roots: readonly CID[]
  readonly cid: CID
  /** What is left of the path inside the last block. */
  readonly remainder: readonly string[]
}

/** Returns the path that a client's words stand for. Throws a GatewayError, or what resolving a name throws. */
export async function contentPath(node: PathNode, path: string, options: Waiting): Promise<ContentPath> {
  const parsed = parsePath(path)
  const text = cleaned(path)
  if (parsed.namespace !== 'ipns') {
    if (parsed.namespace === 'ipld') throw new GatewayError(400, 'unsupported path namespace: ipld')
    return { text, isMutable: false, immutable: text, root: parsed.root, segments: parsed.segments }
  }
  const { resolveName } = await import('../node/naming.ts')
  const target = parsePath(await resolveName(node, parsed.root, { signal: options.signal }))
  if (target.namespace === 'ipns') throw new Failure('not-found', 'could not resolve name')
  const segments = [...target.segments, ...parsed.segments]
  const slash = text.endsWith('/') ? '/' : ''
  const immutable = `/ipfs/${[target.root.toString(), ...segments].join('/')}${slash}`
  const ttl = await nameSeconds(node, parsed.root)
  return { text, isMutable: true, immutable, root: target.root, segments, ttl }
}

/** Returns for how long what a name points to may be kept, as the record says that was found; domains do not say. */
async function nameSeconds({ repo }: PathNode, text: string): Promise<number | undefined> {
  const [{ nameOrNothing }, { fetchedRecord, publishedRecord }, { compareRecords, parseRecord }, { secondsOf }] =
    await Promise.all([
      import('../node/ipns/name.ts'),
      import('../node/ipns/stored-names.ts'),
      import('../node/ipns/record.ts'),
      import('./record.ts'),
    ])
  const name = nameOrNothing(text)
  if (name === undefined) return undefined
  const fetched = await fetchedRecord(repo.values, name)
  const stored = [fetched?.bytes, await publishedRecord(repo.values, name)].filter(bytes => bytes !== undefined)
  const newest = stored.map(parseRecord).sort(compareRecords).at(-1)
  return newest === undefined ? undefined : secondsOf(newest)
}

/** Returns a path as Kubo shows it: cleaned, but with the slash at its end. */
export function cleaned(path: string): string {
  const segments: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  }
  return `/${segments.join('/')}${path.endsWith('/') && segments.length > 0 ? '/' : ''}`
}

/** Follows a path, and tells each block on it that a segment leads to. */
export async function resolveTarget(
  node: PathNode,
  root: CID,
  segments: readonly string[],
  options: Waiting,
): Promise<Target> {
  const roots: CID[] = [root]
  let cid = root
  let remainder: readonly string[] = []
  for (const segment of segments) {
    const found = await resolvePath(node, `/ipfs/${[cid.toString(), ...remainder, segment].join('/')}`, options)
    cid = found.cid
    remainder = found.remainder
    roots.push(cid)
  }
  return { roots, cid, remainder }
}

/** Returns whether a failure says that a path leads nowhere, as opposed to that a block is missing. */
export function isNoLink(error: unknown): boolean {
  return error instanceof Failure && error.kind === 'not-found' && error.data?.name !== undefined
}
