import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import type { Waiting } from '../repo/roles.ts'
import type { Node } from './node.ts'
import { resolvePath } from './path.ts'

const MFS_PREFIX = 'mfs:'

/** Returns true for a path that names something in MFS: `mfs:/docs`. */
export function isMfsPath(text: string): boolean {
  return text.startsWith(MFS_PREFIX)
}

/**
 * Returns the CID that a path leads to: `mfs:/…` a path in MFS, all else as `resolvePath` reads it. Throws `usage` for
 * one that ends within a block.
 */
export async function resolveContentPath(node: Node, text: string, options: Waiting = {}): Promise<CID> {
  if (isMfsPath(text)) {
    const { statPath } = await import('./mfs/stat-path.ts')
    return (await statPath(node, text.slice(MFS_PREFIX.length) || '/', false, options)).cid
  }
  const { cid, remainder } = await resolvePath(node, text, options)
  if (remainder.length > 0) throw new Failure('usage', `${text} ends within a block`)
  return cid
}
