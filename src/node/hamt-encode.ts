import type { CID } from 'multiformats/cid'
import { encodeDagPb, type PbLink } from './dag-pb.ts'
import type { DirectoryStat } from './directory-size.ts'
import { HAMT_HASH_MURMUR3, hamtPrefix } from './hamt.ts'
import { encodeUnixfs } from './unixfs.ts'

/** A slot of a shard that is in use. */
export interface ShardSlot {
  readonly index: number
  /** The name of the entry; empty for a shard below. */
  readonly name: string
  readonly cid: CID
  readonly size: number
}

/** Returns the block of a shard, and the cumulative size of its DAG. The slots come in the order of their index. */
export function encodeShard(
  slots: readonly ShardSlot[],
  fanout: number,
  stat: DirectoryStat,
): { bytes: Uint8Array; size: number } {
  const links: PbLink[] = []
  const bitfield = new Uint8Array(fanout / 8)
  for (const { index, name, cid, size } of slots) {
    const byte = bitfield.length - 1 - (index >> 3)
    bitfield[byte] = (bitfield[byte] ?? 0) | (1 << (index & 7))
    links.push({ name: `${hamtPrefix(index, fanout)}${name}`, cid, size })
  }
  let zeros = 0
  while (zeros < bitfield.length && bitfield[zeros] === 0) zeros += 1
  const data = encodeUnixfs({
    type: 'hamt-sharded-directory',
    data: bitfield.subarray(zeros),
    hashType: HAMT_HASH_MURMUR3,
    fanout,
    ...stat,
  })
  const bytes = encodeDagPb({ data, links })
  return { bytes, size: links.reduce((sum, link) => sum + link.size, bytes.length) }
}
