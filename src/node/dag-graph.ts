import type { CID } from 'multiformats/cid'
import { Breath } from '../repo/pause.ts'
import type { Waiting } from '../repo/roles.ts'
import { isLinkless, type Link, linksOf } from './codecs.ts'
import { decodeDagPb } from './dag-pb.ts'
import { exactKey, type WalkBlocks } from './dag-walk.ts'
import { decodeUnixfs } from './unixfs.ts'

const DAG_PB = 0x70

/** A block of a graph. */
export interface GraphNode {
  readonly cid: CID
  /** Undefined for a block that was not read: it lies beyond a limit, or is not here. */
  size: number | undefined
  /** What a dag-pb block is in UnixFS: `file`, `directory`. */
  unixfs: string | undefined
  readonly depth: number
}

/** A link between two blocks of a graph, by their places in the list of nodes. */
export interface GraphEdge {
  readonly from: number
  readonly to: number
  readonly name: string
}

export interface Graph {
  readonly nodes: readonly GraphNode[]
  readonly edges: readonly GraphEdge[]
  /** True when a limit left out what lies below. */
  readonly isCut: boolean
}

export interface GraphOptions extends Waiting {
  readonly nodesMax: number
  readonly depthMax: number
  /** Leaves that are raw blocks are left out. */
  readonly withoutLeaves: boolean
}

/** Returns the blocks below the roots and how they are linked, level by level, each block once. */
export async function readGraph(blocks: WalkBlocks, roots: readonly CID[], options: GraphOptions): Promise<Graph> {
  const { signal, nodesMax, depthMax } = options
  const breath = new Breath()
  const nodes: GraphNode[] = []
  const edges: GraphEdge[] = []
  const places = new Map<string, number>()
  let isCut = false
  const place = (cid: CID, depth: number): number | undefined => {
    const key = exactKey(cid)
    const known = places.get(key)
    if (known !== undefined) return known
    if (nodes.length >= nodesMax) return undefined
    places.set(key, nodes.length)
    return nodes.push({ cid, size: undefined, unixfs: undefined, depth }) - 1
  }
  for (const root of roots) place(root, 0)
  for (let from = 0; from < nodes.length; from++) {
    const node = nodes[from]
    if (node === undefined) break
    if (breath.due) await breath.take(signal)
    const links = await describe(blocks, node, signal)
    if (node.depth >= depthMax && links.length > 0) {
      isCut = true
      continue
    }
    for (const { cid, name } of links) {
      if (options.withoutLeaves && isLinkless(cid.code)) continue
      const to = place(cid, node.depth + 1)
      if (to === undefined) isCut = true
      else edges.push({ from, to, name })
    }
  }
  return { nodes, edges, isCut }
}

/** Fills in what is known of a block, and returns its links. */
async function describe(
  blocks: WalkBlocks,
  node: GraphNode,
  signal: AbortSignal | undefined,
): Promise<readonly Link[]> {
  const [known] = await blocks.statMany([node.cid], { signal })
  if (known !== undefined && isLinkless(node.cid.code)) {
    node.size = known.size
    return []
  }
  const bytes = await blocks.get(node.cid, { signal })
  node.size = bytes.length
  if (node.cid.code === DAG_PB) node.unixfs = unixfsType(bytes)
  return await linksOf(node.cid, bytes)
}

function unixfsType(bytes: Uint8Array): string | undefined {
  const { data } = decodeDagPb(bytes)
  if (data === undefined) return undefined
  try {
    return decodeUnixfs(data).type
  } catch {
    return undefined // A dag-pb block need not be UnixFS.
  }
}
