import { CID } from 'multiformats/cid'
import { isLeaf, keyOf, missingFailure } from './blocks.ts'
import { Checker, type CheckOther, mismatchFailure } from './check.ts'
import { readAhead } from './read-ahead.ts'
import type { Block, BlockStat, Blocks } from './roles.ts'

interface Kept {
  readonly cid: CID
  readonly bytes: Uint8Array
  leaf: boolean
}

const IDENTITY = 0
const RAW = 0x55
const DAG_PB = 0x70

/** Returns blocks that live in memory, as long as the object does: for tests, and for work that stores nothing. */
export function memoryBlocks(options: { checkOther?: CheckOther } = {}): Blocks {
  const kept = new Map<string, Kept>()
  const checker = new Checker(options.checkOther)
  const find = (cid: CID): Kept | undefined =>
    cid.multihash.code === IDENTITY
      ? { cid, bytes: cid.multihash.digest, leaf: false }
      : kept.get(keyOf(cid.multihash.bytes))
  const stat = (cid: CID): BlockStat | undefined => {
    const found = find(cid)
    return found === undefined ? undefined : { size: found.bytes.length, leaf: isLeaf(cid, found.leaf) }
  }
  const get = async (cid: CID): Promise<Uint8Array> => {
    const found = find(cid)
    if (found === undefined) throw missingFailure(cid)
    if (!(await checker.matches(cid, found.bytes))) throw mismatchFailure(cid, 'its bytes do not match its hash')
    return found.bytes
  }
  return {
    has: async cid => find(cid) !== undefined,
    stat: async cid => stat(cid),
    statMany: async cids => cids.map(stat),
    get,
    getMany: (cids, { signal } = {}): AsyncIterable<Block> =>
      readAhead(cids, {
        signal,
        look: async cids => cids.map(cid => ({ cid, size: stat(cid)?.size ?? 0, get: () => get(cid) })),
      }),
    async put(cid, bytes, { leaf = false, release } = {}) {
      if (cid.multihash.code === IDENTITY) return release?.()
      const marked = leaf && cid.code === DAG_PB
      const there = kept.get(keyOf(cid.multihash.bytes))
      // Memory that is lent may be part of more, all of which would be kept.
      const own = release === undefined ? bytes : bytes.slice()
      release?.()
      kept.set(keyOf(cid.multihash.bytes), { cid, bytes: own, leaf: marked || there?.leaf === true })
    },
    async flush() {
      // Memory is as durable as it gets.
    },
    protect: async cids => [...cids].filter(cid => find(cid) === undefined),
    delete: async cid => kept.delete(keyOf(cid.multihash.bytes)),
    async *list() {
      for (const { cid, bytes } of kept.values()) yield { cid: CID.createV1(RAW, cid.multihash), size: bytes.length }
    },
  }
}
