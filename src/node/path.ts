import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import type { Blocks, Waiting } from '../repo/roles.ts'
import { CidError, decodeCid } from './cid.ts'
import type { DagValue } from './codecs.ts'
import { decodeDagPb } from './dag-pb.ts'
import { findEntry } from './directory.ts'
import type { NamingNode, ResolveNameOptions } from './naming.ts'

const DAG_PB = 0x70
const NAMESPACES = ['ipfs', 'ipns', 'ipld'] as const
/** How much of a path a message shows. */
const SHOWN_LENGTH_MAX = 128

export type Namespace = (typeof NAMESPACES)[number]

/** A path that is well formed. */
export type ContentPath =
  | { readonly namespace: 'ipfs' | 'ipld'; readonly root: CID; readonly segments: readonly string[] }
  | { readonly namespace: 'ipns'; readonly root: string; readonly segments: readonly string[] }

/** Where a path leads. */
export interface ResolvedPath {
  readonly namespace: 'ipfs' | 'ipld'
  /** The last block on the way. */
  readonly cid: CID
  /** What is left of the path inside that block. */
  readonly remainder: readonly string[]
}

/** What of a node is needed to follow a path. */
export type PathNode = NamingNode & { readonly blocks: Pick<Blocks, 'get'> }

/**
 * Returns the parts of a path as Kubo reads them: `/ipfs/CID/a`, `CID/a`, `/ipns/NAME`, `/ipld/CID`, and the URIs
 * `ipfs://CID/a`, `ipfs:CID`. It is cleaned as Go's `path.Clean` does. Throws `usage`.
 */
export function parsePath(text: string): ContentPath {
  const path = fromUri(text)
  const asGiven = readPath(path)
  if (typeof asGiven !== 'string') return asGiven
  const asCid = readPath(`/ipfs/${text}`)
  if (typeof asCid !== 'string') return asCid
  // Of a text without a slash in front more can be said: why it is no CID.
  const reason = text !== '' && !path.startsWith('/') ? asCid : asGiven
  const shown = text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX - 3)}...` : text
  throw new Failure('usage', `invalid path ${JSON.stringify(shown)}: ${reason}`)
}

/** Returns the path, or what is wrong with it. */
function readPath(path: string): ContentPath | string {
  const [namespace, root, ...segments] = segmentsOf(path)
  if (!path.startsWith('/') || root === undefined) return 'path does not have enough components'
  if (namespace === 'ipns') return { namespace, root, segments }
  if (namespace !== 'ipfs' && namespace !== 'ipld') return `unknown namespace: ${JSON.stringify(namespace)}`
  try {
    return { namespace, root: decodeCid(root).cid, segments }
  } catch (error) {
    if (error instanceof CidError) return error.message
    throw error
  }
}

/** Returns a path that `parsePath` takes as Kubo writes it: cleaned, with its root as it was written, never a URI. */
export function pathText(text: string): string {
  const path = fromUri(text)
  const whole = typeof readPath(path) === 'string' ? `/ipfs/${text}` : path
  return `/${segmentsOf(whole).join('/')}${whole.endsWith('/') ? '/' : ''}`
}

/** Returns the name at the end of a path: of `CID/a/` it is `a`, of a CID alone the CID. */
export function lastName(text: string): string {
  return segmentsOf(fromUri(text)).at(-1) ?? text
}

/** Returns a URI as a path; what is none as it is. */
function fromUri(text: string): string {
  const match = /^(ipfs|ipns|ipld):(?:\/\/)?(.*)$/is.exec(text)
  return match === null ? text : `/${(match[1] ?? '').toLowerCase()}/${match[2] ?? ''}`
}

/** Returns the parts of a path that is cleaned as Go's `path.Clean` does: no empty ones, no `.`, `..` taken at its word. */
function segmentsOf(path: string): string[] {
  const segments: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue
    // Above the root there is nothing; in a relative path `..` would stay, and is refused with all relative paths.
    if (segment === '..') segments.pop()
    else segments.push(segment)
  }
  return segments
}

/**
 * Follows a path to the last block on it. `/ipfs/` walks UnixFS folders by name, sharded ones too, and the links of
 * other dag-pb nodes; all else is walked by the fields of the data model. The block at the end is not read, as in
 * Kubo. Throws `usage` for a malformed path, `not-found` when it leads nowhere.
 */
export async function resolvePath(
  node: PathNode,
  text: string,
  options: ResolveNameOptions = {},
): Promise<ResolvedPath> {
  let path = parsePath(text)
  if (path.namespace === 'ipns') {
    const { resolveName } = await import('./naming.ts')
    const target = parsePath(await resolveName(node, path.root, options))
    if (target.namespace === 'ipns') throw new Failure('not-found', `could not resolve name: /ipns/${path.root}`)
    path = { ...target, segments: [...target.segments, ...path.segments] }
  }
  const { namespace, root, segments } = path
  return { namespace, ...(await walk(node.blocks, namespace, root, segments, { signal: options.signal })) }
}

async function walk(
  blocks: Pick<Blocks, 'get'>,
  namespace: 'ipfs' | 'ipld',
  root: CID,
  segments: readonly string[],
  options: Waiting,
): Promise<{ cid: CID; remainder: readonly string[] }> {
  let cid = root
  let at = 0
  while (at < segments.length) {
    const bytes = await blocks.get(cid, options)
    const step: Step =
      cid.code === DAG_PB && namespace === 'ipfs'
        ? await stepByName(blocks, cid, bytes, segments[at] ?? '', options)
        : await stepByField(cid, bytes, segments.slice(at))
    if (step.kind === 'inside') return { cid, remainder: segments.slice(at) }
    cid = step.cid
    at += step.taken
  }
  return { cid, remainder: [] }
}

type Step = { readonly kind: 'link'; readonly cid: CID; readonly taken: number } | { readonly kind: 'inside' }

async function stepByName(
  blocks: Pick<Blocks, 'get'>,
  cid: CID,
  bytes: Uint8Array,
  name: string,
  options: Waiting,
): Promise<Step> {
  const found = await findEntry(blocks, decodeDagPb(bytes), name, options)
  if (found === undefined) throw noLink(name, cid)
  return { kind: 'link', cid: found.cid, taken: 1 }
}

async function stepByField(cid: CID, bytes: Uint8Array, segments: readonly string[]): Promise<Step> {
  const { childOf, decodeNode, isLink } = await import('./codecs.ts')
  let value: DagValue = await decodeNode(cid, bytes)
  for (const [index, segment] of segments.entries()) {
    const child = childOf(value, segment)
    if (child === undefined) throw noLink(segment, cid)
    if (isLink(child)) return { kind: 'link', cid: child, taken: index + 1 }
    value = child
  }
  return { kind: 'inside' }
}

function noLink(name: string, cid: CID): Failure {
  return new Failure('not-found', `no link named ${JSON.stringify(name)} under ${cid}`, {
    data: { name, cid: cid.toString() },
  })
}
