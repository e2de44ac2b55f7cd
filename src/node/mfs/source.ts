import type { CID } from 'multiformats/cid'
import { Failure } from '../../contract/failure.ts'
import { Breath } from '../../repo/pause.ts'
import type { Blocks, Waiting } from '../../repo/roles.ts'
import { linksOf } from '../codecs.ts'
import { decodeDagPb } from '../dag-pb.ts'
import type { Node } from '../node.ts'
import { parsePath, resolvePath } from '../path.ts'
import { decodeUnixfs } from '../unixfs.ts'
import { DAG_PB, RAW } from './format.ts'
import { describing } from './operations.ts'
import { cleanMfsPath, nameOf, withoutTrailingSlash } from './path.ts'

/** Returns true for a path into IPFS (`/ipfs/…`, `/ipns/…`, `ipfs://…`), false for one into MFS. */
export function isContentPath(path: string): boolean {
  if (!/^(\/(ipfs|ipns|ipld)\/|(ipfs|ipns|ipld):\/\/)/i.test(path)) return false
  try {
    parsePath(path)
    return true
  } catch (error) {
    if (error instanceof Failure) return false
    throw error
  }
}

/** A source of `files cp`: of MFS when it has no CID yet. */
export interface CopySource {
  /** The path as it is shown. */
  readonly path: string
  readonly name: string
  /** Undefined for what lies in MFS. */
  readonly cid: CID | undefined
}

/** Resolves the source of a copy. What lies in MFS is looked up later, in the tree that is changed. */
export async function copySource(node: Node, text: string, waiting: Waiting): Promise<CopySource> {
  if (!isContentPath(text)) {
    const path = withoutTrailingSlash(cleanMfsPath(text))
    return { path, name: nameOf(path), cid: undefined }
  }
  const path = withoutTrailingSlash(text.replace(/^(ipfs|ipns|ipld):\/\//i, '/$1/'))
  const { cid } = await describing(`cp: cannot get node from path ${path}: `, () => resolveContent(node, path, waiting))
  return { path, name: nameOf(path), cid }
}

/** Returns the CID that a path into IPFS leads to. */
export async function resolveContent(node: Node, path: string, waiting: Waiting): Promise<{ cid: CID }> {
  const { cid, remainder } = await resolvePath(node, path, waiting)
  if (remainder.length > 0) throw new Failure('failed', `${path} ends within a node`)
  return { cid }
}

/** Reads the root of what is copied and throws `failed` when it is no UnixFS. */
export async function checkUnixfs(node: Pick<Node, 'blocks'>, cid: CID, waiting: Waiting): Promise<void> {
  const refusal = 'cp: source must be a valid UnixFS (dag-pb or raw codec)'
  if (cid.code !== RAW && cid.code !== DAG_PB) throw new Failure('failed', refusal)
  const bytes = await node.blocks.get(cid, waiting)
  if (cid.code === RAW) return
  try {
    decodeUnixfs(decodeDagPb(bytes).data ?? new Uint8Array(0))
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    throw new Failure('failed', `${refusal}: ${error.message}`, { cause: error })
  }
}

const PROTECT_BATCH = 2048

/**
 * Keeps the blocks of a DAG that are here from garbage collection for as long as this run lives. What is not here is
 * not fetched.
 */
export async function protectDag(blocks: Blocks, root: CID, waiting: Waiting): Promise<void> {
  const seen = new Set<string>()
  const stack: CID[] = [root]
  const breath = new Breath()
  while (stack.length > 0) {
    // Protect first, read afterwards: what was protected cannot go away any more.
    const batch: CID[] = []
    for (let cid = stack.pop(); cid !== undefined; cid = batch.length < PROTECT_BATCH ? stack.pop() : undefined) {
      const key = Buffer.from(cid.multihash.bytes).toString('latin1')
      if (seen.has(key)) continue
      seen.add(key)
      batch.push(cid)
    }
    const missing = new Set((await blocks.protect(batch, waiting)).map(String))
    for (const cid of batch) {
      await breath.take(waiting.signal)
      if (missing.has(String(cid))) continue
      const stat = await blocks.stat(cid, waiting)
      if (stat === undefined || stat.leaf) continue
      for (const link of await linksOf(cid, await blocks.get(cid, waiting))) stack.push(link.cid)
    }
  }
}
