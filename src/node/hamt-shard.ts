import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import type { PbLink } from './dag-pb.ts'
import { HAMT_HASH_MURMUR3, hamtBits, hamtHashBits, hamtPrefix, hamtPrefixLength } from './hamt.ts'
import type { UnixFs } from './unixfs.ts'

const FANOUT_MAX = 1024
const FANOUT_MIN = 8

/** One shard of a sharded folder, its shape checked. */
export interface HamtShard {
  readonly fanout: number
  /** In the order of their slots. A name that is no longer than the prefix stands for a shard below. */
  readonly links: readonly PbLink[]
}

/** Returns a shard once its fanout, bitfield and the prefixes of its links agree. Throws `failed`. */
export function readShard(unixfs: UnixFs, links: readonly PbLink[]): HamtShard {
  if (unixfs.type !== 'hamt-sharded-directory') throw malformed('a shard leads to what is not a shard')
  if (unixfs.hashType !== HAMT_HASH_MURMUR3) throw malformed('only murmur3 is supported as hash function')
  const { fanout } = unixfs
  if (typeof fanout !== 'number' || fanout < FANOUT_MIN || fanout > FANOUT_MAX || (fanout & (fanout - 1)) !== 0) {
    throw malformed(`its fanout is ${fanout ?? 'not given'}, not a power of two up to ${FANOUT_MAX}`)
  }
  const slots = slotsOf(unixfs.data ?? new Uint8Array(0), fanout)
  if (slots.length !== links.length) throw malformed(`it has ${links.length} links for ${slots.length} slots`)
  for (const [index, link] of links.entries()) {
    if (!link.name.startsWith(hamtPrefix(slots[index] ?? 0, fanout))) throw malformed('a link lies in a wrong slot')
  }
  return { fanout, links }
}

/** Returns the numbers of the slots that a bitfield (big-endian, zeros in front left out) says are in use, ascending. */
function slotsOf(bitfield: Uint8Array, fanout: number): number[] {
  if (bitfield.length > fanout / 8) throw malformed(`its bitfield is longer than ${fanout} bits`)
  const slots: number[] = []
  for (let at = bitfield.length - 1; at >= 0; at--) {
    const byte = bitfield[at] ?? 0
    for (let bit = 0; bit < 8; bit++) {
      if ((byte & (1 << bit)) !== 0) slots.push((bitfield.length - 1 - at) * 8 + bit)
    }
  }
  return slots
}

/** Returns the name of an entry; undefined for a link that stands for a shard below. */
export function entryName(shard: HamtShard, link: PbLink): string | undefined {
  const prefixLength = hamtPrefixLength(shard.fanout)
  return link.name.length === prefixLength ? undefined : link.name.slice(prefixLength)
}

/** Returns the link in the slot that a name's hash has at a level; undefined when it is not in use. */
export function linkAt(shard: HamtShard, hash: Uint8Array, level: number): PbLink | undefined {
  const slot = hamtHashBits(hash, level, hamtBits(shard.fanout))
  if (slot === undefined) throw malformed('it is deeper than its hashes')
  const prefix = hamtPrefix(slot, shard.fanout)
  return shard.links.find(link => link.name.startsWith(prefix))
}

/** Returns how many levels of shards the bits of a hash are enough for. */
export function levelsMax(shard: HamtShard): number {
  return Math.floor(64 / hamtBits(shard.fanout))
}

/** Returns the failure of a sharded folder that cannot be one. */
export function malformed(reason: string, cid?: CID): Failure {
  return new Failure('failed', `malformed sharded directory${cid === undefined ? '' : ` ${cid}`}: ${reason}`)
}
