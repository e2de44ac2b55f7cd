import { Failure } from '../../contract/failure.ts'
import { nameToBytes } from '../../contract/surrogate-escape.ts'
import type { Blocks } from '../../repo/roles.ts'
import { encodeDagPb, type PbLink } from '../dag-pb.ts'
import { checkEntryName, type SavedDirectory, sortLinks } from '../directory-edit.ts'
import { type DirectoryRules, type DirectoryStat, directoryDataSize, linkSize } from '../directory-size.ts'
import { HAMT_FANOUT, hamtBits, hamtHash } from '../hamt.ts'
import { encodeShard, type ShardSlot } from '../hamt-encode.ts'
import { type CidFormat, DAG_PB, putBlock } from '../mfs/format.ts'
import { encodeUnixfs } from '../unixfs.ts'

type PutBlocks = Pick<Blocks, 'put'>

/** What decides the blocks of a folder, but for its entries. */
export interface DirectoryFormat {
  readonly cid: CidFormat
  readonly rules: DirectoryRules
}

/** A folder that was stored. */
export interface BuiltDirectory extends SavedDirectory {
  readonly isSharded: boolean
}

/**
 * Stores a folder with these entries, in any order, at once: a plain one, or a HAMT from its leaves up where Kubo would
 * have ended with one (`directory-edit.ts` says when). Sorts `links`.
 */
export async function buildDirectory(
  blocks: PutBlocks,
  links: PbLink[],
  format: DirectoryFormat,
  stat: DirectoryStat = {},
): Promise<BuiltDirectory> {
  sortLinks(links)
  checkNames(links)
  if (isSharded(links, format.rules, stat))
    return { ...(await buildHamt(blocks, links, format, stat)), isSharded: true }
  const bytes = encodeDagPb({ data: encodeUnixfs({ type: 'directory', ...stat }), links })
  const cid = await putBlock(blocks, DAG_PB, bytes, format.cid, links.length === 0)
  return { cid, size: links.reduce((sum, link) => sum + link.size, bytes.length), isSharded: false }
}

function checkNames(links: readonly PbLink[]): void {
  let last: string | undefined
  for (const { name } of links) {
    checkEntryName(name)
    if (name === last) throw new Failure('failed', `directory already has entry by the name ${JSON.stringify(name)}`)
    last = name
  }
}

function isSharded(links: readonly PbLink[], rules: DirectoryRules, stat: DirectoryStat): boolean {
  const { thresholdBytes, estimation, maxLinks } = rules
  if (thresholdBytes === 0) return false
  if (maxLinks > 0 && links.length > maxLinks) return true
  if (estimation === 'disabled') return false
  let size = estimation === 'block' ? directoryDataSize(stat) : 0
  for (const link of links) {
    size += linkSize(link, estimation)
    if (size > thresholdBytes) return true
  }
  return false
}

/** An entry and the 64 bits that place it. */
interface Placed {
  readonly link: PbLink
  readonly high: number
  readonly low: number
}

async function buildHamt(
  blocks: PutBlocks,
  links: readonly PbLink[],
  { cid: cidFormat, rules }: DirectoryFormat,
  stat: DirectoryStat,
): Promise<SavedDirectory> {
  const { fanout: asked } = rules
  const fanout = asked >= 8 && (asked & (asked - 1)) === 0 ? asked : HAMT_FANOUT
  // Levels take the bits of a hash from its front, so that sorting by hash brings together what shares a shard.
  const placed = links.map(place).sort((a, b) => a.high - b.high || a.low - b.low)
  const bits = hamtBits(fanout)
  const build = async (from: number, to: number, level: number, own: DirectoryStat): Promise<SavedDirectory> => {
    if ((level + 1) * bits > 64) throw new Failure('failed', 'sharded directory too deep')
    const slots: ShardSlot[] = []
    for (let at = from; at < to; ) {
      const index = slotOf(placed[at], level, bits)
      let end = at + 1
      while (end < to && slotOf(placed[end], level, bits) === index) end += 1
      const only = end === at + 1 ? placed[at]?.link : undefined
      slots.push({ index, ...(only ?? { name: '', ...(await build(at, end, level + 1, {})) }) })
      at = end
    }
    const { bytes, size } = encodeShard(slots, fanout, own)
    return { cid: await putBlock(blocks, DAG_PB, bytes, cidFormat), size }
  }
  return await build(0, placed.length, 0, stat)
}

function place(link: PbLink): Placed {
  const hash = hamtHash(nameToBytes(link.name))
  const view = new DataView(hash.buffer, hash.byteOffset, hash.byteLength)
  return { link, high: view.getUint32(0), low: view.getUint32(4) }
}

/** Returns the bits of a hash that place an entry at a level. */
function slotOf(placed: Placed | undefined, level: number, bits: number): number {
  if (placed === undefined) throw new Error('there are fewer entries than were placed')
  const end = (level + 1) * bits
  const mask = 2 ** bits - 1
  if (end <= 32) return (placed.high >>> (32 - end)) & mask
  const fromLow = placed.low >>> (64 - end)
  const highBits = 32 - level * bits
  return highBits <= 0 ? fromLow & mask : ((placed.high << (end - 32)) | fromLow) & mask
}
