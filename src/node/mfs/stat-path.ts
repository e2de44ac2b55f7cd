import type { CID } from 'multiformats/cid'
import type { Waiting } from '../../repo/roles.ts'
import type { Node } from '../node.ts'
import { openMfs } from './change.ts'
import { cleanMfsPath } from './path.ts'
import { isContentPath, resolveContent } from './source.ts'
import { type Locality, localityOf, type NodeStat, statNode } from './stat.ts'

/** Returns what lies at a path of MFS or IPFS; `withLocal` finds out how much of it is in the repo. */
export async function statPath(
  node: Node,
  text: string,
  withLocal: boolean,
  waiting: Waiting,
): Promise<{ cid: CID; stat: NodeStat; locality: Locality | undefined }> {
  if (isContentPath(text)) {
    const { cid } = await resolveContent(node, text, waiting)
    const stat = statNode(cid, await node.blocks.get(cid, waiting))
    return { cid, stat, locality: withLocal ? await localityOf(node.repo.blocks, cid, waiting) : undefined }
  }
  const { tree, blocks } = await openMfs(node, waiting)
  const cid = await tree.cidAt(cleanMfsPath(text))
  const stat = statNode(cid, await blocks.get(cid, waiting))
  if (!withLocal) return { cid, stat, locality: undefined }
  // The root can be one that was never stored: as it is empty, or in another format than the stored one.
  const local = {
    get: blocks.get,
    stat: async (wanted: CID) =>
      wanted.equals(cid)
        ? { size: (await blocks.get(cid, waiting)).length, leaf: false }
        : await node.repo.blocks.stat(wanted, waiting),
  }
  return { cid, stat, locality: await localityOf(local, cid, waiting) }
}
