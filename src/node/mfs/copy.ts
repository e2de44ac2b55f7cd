import type { Waiting } from '../../repo/roles.ts'
import type { Node } from '../node.ts'
import { changeMfs } from './change.ts'
import { type CopyOptions, copyInto, describing } from './operations.ts'
import { cleanMfsPath } from './path.ts'
import { type CopySource, checkUnixfs, copySource, protectDag } from './source.ts'
import type { MfsTree } from './tree.ts'

/** A copy into MFS, ready to be made in any tree. */
export interface PreparedCopy {
  apply(tree: MfsTree): Promise<void>
}

/** Resolves what is to be copied, and keeps what is here of it from garbage collection. */
export async function prepareCopy(
  node: Node,
  from: string,
  to: string,
  options: CopyOptions,
  waiting: Waiting,
): Promise<PreparedCopy> {
  const source = await copySource(node, from, waiting)
  const target = cleanMfsPath(to)
  if (source.cid !== undefined) {
    await checkUnixfs(node, source.cid, waiting)
    if (!(await isPinned(node, source))) await protectDag(node.repo.blocks, source.cid, waiting)
  }
  return {
    async apply(tree) {
      const cid = source.cid ?? (await rootInTree(tree, source.path))
      await copyInto(tree, { cid, name: source.name }, target, options)
    },
  }
}

/** Copies within MFS, or from IPFS into it. Durable when it returns. */
export async function copyToMfs(
  node: Node,
  from: string,
  to: string,
  options: CopyOptions,
  waiting: Waiting,
): Promise<void> {
  const copy = await prepareCopy(node, from, to, options, waiting)
  await changeMfs(node, tree => copy.apply(tree), waiting)
}

async function rootInTree(tree: MfsTree, path: string) {
  return await describing(`cp: cannot get node from path ${path}: `, () => tree.cidAt(path))
}

async function isPinned(node: Node, { cid }: CopySource): Promise<boolean> {
  return cid !== undefined && (await node.repo.pins.get(cid))?.mode === 'recursive'
}
