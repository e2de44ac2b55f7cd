import { createHash } from 'node:crypto'
import type { CID } from 'multiformats/cid'
import { CidSet } from '../node/cid-set.ts'
import { packCar } from '../node/dag-export.ts'
import { exactBytes } from '../node/dag-walk.ts'
import type { PathNode } from '../node/path.ts'
import type { Block, Blocks } from '../repo/roles.ts'
import type { Answer } from './answer.ts'
import { PROBE } from './block.ts'
import { blocksInScope } from './car-blocks.ts'
import { type CarParams, carParams, carType } from './car-params.ts'
import { matchesTag } from './conditions.ts'
import { notModified } from './content.ts'
import { cacheControl, disposition, wantedName } from './headers.ts'
import { isNoLink, resolveTarget, type Target } from './resolve.ts'
import type { Visit } from './visit.ts'

/** Small, so that a slow DAG is sent as it comes. */
const PIECE_BYTES = 64 * 1024
const IDENTITY = 0x00

/** Answers with a CAR: the blocks on the path, then those of its end that are in scope. */
export async function carAnswer(visit: Visit): Promise<Answer> {
  const { request, path, node, waiting } = visit
  const params = carParams(request.query, visit.format.params)
  const name = [path.root.toString(), path.segments.at(-1)].filter(part => part !== undefined).join('_')
  const headers: Record<string, string> = {
    ...disposition('attachment', wantedName(request) ?? `${name}.car`),
    ...cacheControl(path),
    Etag: carTag(path.root, path.immutable, params),
  }
  if (matchesTag(request.headers['if-none-match'], headers.Etag ?? '')) return notModified(headers)
  const way: Block[] = []
  const target = await follow({ ...node, blocks: recording(node.blocks, way) }, visit)
  headers['X-Ipfs-Roots'] = (target?.roots ?? [path.root]).join(',')
  headers['Accept-Ranges'] = 'none'
  headers['Content-Type'] = carType(params)
  headers['X-Content-Type-Options'] = 'nosniff'
  if (request.method === 'HEAD') return { status: 200, headers }
  // Where the path leads nowhere, the blocks on the way prove it.
  const blocks = target === undefined ? listed(way) : onTheWay(way, blocksInScope(node.blocks, target, params, waiting))
  const kept = withoutRepeats(blocks, params.duplicates)
  return { status: 200, headers, body: packCar([target?.cid ?? PROBE], kept, PIECE_BYTES) }
}

/** Returns where the path leads; undefined when that is nowhere. */
async function follow(node: PathNode, { path, waiting }: Visit): Promise<Target | undefined> {
  try {
    return await resolveTarget(node, path.root, path.segments, waiting)
  } catch (error) {
    if (isNoLink(error)) return undefined
    throw error
  }
}

/** Returns the blocks, and keeps those that are read. A path is at most as long as the line of a request. */
function recording(blocks: Blocks, read: Block[]): Pick<Blocks, 'get'> {
  return {
    async get(cid, options) {
      const bytes = await blocks.get(cid, options)
      read.push({ cid, bytes })
      return bytes
    },
  }
}

async function* listed(blocks: readonly Block[]): AsyncIterable<Block> {
  yield* blocks
}

async function* onTheWay(way: readonly Block[], rest: AsyncIterable<Block>): AsyncIterable<Block> {
  yield* way
  yield* rest
}

/** A CID that holds its block itself needs no section. */
async function* withoutRepeats(blocks: AsyncIterable<Block>, keeps: boolean): AsyncIterable<Block> {
  const seen = new CidSet(exactBytes)
  for await (const block of blocks) {
    if (block.cid.multihash.code === IDENTITY) continue
    if (keeps || seen.add(block.cid)) yield block
  }
}

function carTag(root: CID, path: string, params: CarParams): string {
  const { from, to } = params.range ?? {}
  const text = JSON.stringify([path, params.scope, params.order, params.duplicates, from ?? 0, to ?? null])
  const sum = createHash('sha256').update(text).digest().readBigUInt64LE(0)
  return `W/"${root}.car.${sum.toString(32)}"`
}
