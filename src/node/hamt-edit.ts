import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import { nameToBytes } from '../contract/surrogate-escape.ts'
import type { Blocks, Waiting } from '../repo/roles.ts'
import { decodeDagPb, type PbLink } from './dag-pb.ts'
import type { DirectoryStat } from './directory-size.ts'
import { HAMT_HASH_MURMUR3, hamtBits, hamtHash, hamtHashBits, hamtPrefix, hamtPrefixLength } from './hamt.ts'
import { encodeShard, type ShardSlot } from './hamt-encode.ts'
import { type CidFormat, DAG_PB, formatOf, putBlock } from './mfs/format.ts'
import { decodeUnixfs } from './unixfs.ts'

/** One slot of a shard: an entry, or a sub-shard that is in memory or still a link. */
interface Slot {
  readonly index: number
  /** The entry's name; undefined for a sub-shard. */
  readonly name: string | undefined
  link: { readonly cid: CID; readonly size: number } | undefined
  shard: Shard | undefined
}

interface Shard {
  format: CidFormat
  /** In the order of their index. */
  slots: Slot[]
  changed: boolean
}

/** Where in its hash a name is: how many bits the shards above have used. */
interface Position {
  readonly hash: Uint8Array
  readonly depth: number
}

/**
 * A sharded folder under change. Shards are read when they are needed, and `save` writes those that were touched.
 */
export class HamtEdit {
  readonly #blocks: Pick<Blocks, 'get' | 'put'>
  readonly #fanout: number
  readonly #bits: number
  readonly #prefixLength: number
  readonly #root: Shard
  readonly #waiting: Waiting
  stat: DirectoryStat

  private constructor(
    blocks: Pick<Blocks, 'get' | 'put'>,
    fanout: number,
    root: Shard,
    stat: DirectoryStat,
    waiting: Waiting,
  ) {
    this.#blocks = blocks
    this.#fanout = fanout
    this.#bits = hamtBits(fanout)
    this.#prefixLength = hamtPrefixLength(fanout)
    this.#root = root
    this.#waiting = waiting
    this.stat = stat
  }

  /** Returns an empty HAMT. */
  static empty(
    blocks: Pick<Blocks, 'get' | 'put'>,
    fanout: number,
    format: CidFormat,
    stat: DirectoryStat,
    waiting: Waiting = {},
  ): HamtEdit {
    return new HamtEdit(blocks, fanout, { format, slots: [], changed: true }, stat, waiting)
  }

  /** Returns the HAMT whose root block this is. Throws a Failure when it is malformed. */
  static open(
    blocks: Pick<Blocks, 'get' | 'put'>,
    cid: CID,
    bytes: Uint8Array,
    format: CidFormat,
    waiting: Waiting = {},
  ): HamtEdit {
    const { links, unixfs, fanout } = decodeShard(cid, bytes)
    const root = { format, slots: slotsOf(cid, links, fanout, hamtPrefixLength(fanout)), changed: false }
    return new HamtEdit(blocks, fanout, root, { mode: unixfs.mode, mtime: unixfs.mtime }, waiting)
  }

  /** The number of slots in use in the root shard. */
  get rootSlots(): number {
    return this.#root.slots.length
  }

  /**
   * Returns an entry with the longer name that its link has in a shard. boxo counts what is removed by that name, so
   * that replacing an entry counts as shrinking: whether a HAMT is still one is looked at then, too.
   */
  asStored(link: PbLink): PbLink {
    return { ...link, name: `${hamtPrefix(0, this.#fanout)}${link.name}` }
  }

  /** The format of the root's CID; shards that are made anew take it from the shard above them. */
  get format(): CidFormat {
    return this.#root.format
  }

  set format(format: CidFormat) {
    this.#root.format = format
    this.#root.changed = true
  }

  /** Returns the entry of that name; undefined when there is none. */
  async find(name: string): Promise<PbLink | undefined> {
    const hash = hamtHash(nameToBytes(name))
    let shard = this.#root
    for (let depth = 0; ; depth += 1) {
      const slot = slotAt(shard, this.#index({ hash, depth }))
      if (slot === undefined) return undefined
      if (slot.name !== undefined) return slot.name === name ? linkOf(slot) : undefined
      shard = await this.#load(slot)
    }
  }

  /** Adds or replaces an entry; returns the one that was there. */
  async set(link: PbLink): Promise<PbLink | undefined> {
    return await this.#set(this.#root, { hash: hamtHash(nameToBytes(link.name)), depth: 0 }, link)
  }

  /** Removes an entry; returns it, or undefined when there is none. */
  async remove(name: string): Promise<PbLink | undefined> {
    return await this.#remove(this.#root, { hash: hamtHash(nameToBytes(name)), depth: 0 }, name)
  }

  /** Yields all entries, in the order of their slots. Shards that were not in memory are not kept. */
  async *entries(): AsyncIterable<PbLink> {
    yield* this.#entries(this.#root, 0)
  }

  /** Writes what was touched; returns the root's CID and cumulative size. The blocks still have to be flushed. */
  async save(): Promise<{ cid: CID; size: number }> {
    return await this.#save(this.#root, this.stat)
  }

  async #set(shard: Shard, { hash, depth }: Position, link: PbLink): Promise<PbLink | undefined> {
    const index = this.#index({ hash, depth })
    const slot = slotAt(shard, index)
    if (slot === undefined) {
      insertSlot(shard, valueSlot(index, link))
      return undefined
    }
    if (slot.name === undefined) {
      const child = await this.#load(slot)
      const old = await this.#set(child, { hash, depth: depth + 1 }, link)
      shard.changed = true
      return old
    }
    shard.changed = true
    if (slot.name === link.name) {
      const old = linkOf(slot)
      slot.link = { cid: link.cid, size: link.size }
      return old
    }
    const resident = linkOf(slot)
    const child: Shard = { format: shard.format, slots: [], changed: true }
    await this.#set(child, { hash, depth: depth + 1 }, link)
    await this.#set(child, { hash: hamtHash(nameToBytes(resident.name)), depth: depth + 1 }, resident)
    replaceSlot(shard, { index, name: undefined, link: undefined, shard: child })
    return undefined
  }

  async #remove(shard: Shard, { hash, depth }: Position, name: string): Promise<PbLink | undefined> {
    const index = this.#index({ hash, depth })
    const slot = slotAt(shard, index)
    if (slot === undefined) return undefined
    if (slot.name !== undefined) {
      if (slot.name !== name) return undefined
      removeSlot(shard, index)
      return linkOf(slot)
    }
    const child = await this.#load(slot)
    const old = await this.#remove(child, { hash, depth: depth + 1 }, name)
    if (old === undefined) return undefined
    shard.changed = true
    const only = child.slots[0]
    if (only === undefined) removeSlot(shard, index)
    // A shard with one entry is folded into the slot above, so that a set of names has one shape.
    else if (child.slots.length === 1 && only.name !== undefined) replaceSlot(shard, { ...only, index })
    return old
  }

  async *#entries(shard: Shard, depth: number): AsyncIterable<PbLink> {
    if ((depth + 1) * this.#bits > HASH_BITS) throw tooDeep()
    for (const slot of shard.slots) {
      if (slot.name !== undefined) yield linkOf(slot)
      else yield* this.#entries(slot.shard ?? (await this.#read(slot)), depth + 1)
    }
  }

  async #save(shard: Shard, stat: DirectoryStat): Promise<{ cid: CID; size: number }> {
    const entries: ShardSlot[] = []
    for (const slot of shard.slots) {
      if (slot.shard?.changed === true) slot.link = await this.#save(slot.shard, {})
      const { cid, size } = slotLink(slot)
      entries.push({ index: slot.index, name: slot.name ?? '', cid, size })
    }
    const { bytes, size } = encodeShard(entries, this.#fanout, stat)
    const cid = await putBlock(this.#blocks, DAG_PB, bytes, shard.format)
    shard.changed = false
    return { cid, size }
  }

  #index({ hash, depth }: Position): number {
    const index = hamtHashBits(hash, depth, this.#bits)
    if (index === undefined) throw tooDeep()
    return index
  }

  async #load(slot: Slot): Promise<Shard> {
    slot.shard ??= await this.#read(slot)
    return slot.shard
  }

  async #read(slot: Slot): Promise<Shard> {
    const { cid } = slotLink(slot)
    const { links, fanout } = decodeShard(cid, await this.#blocks.get(cid, this.#waiting))
    if (fanout !== this.#fanout) throw malformed(cid, 'its fanout differs from the shard above')
    return { format: formatOf(cid), slots: slotsOf(cid, links, fanout, this.#prefixLength), changed: false }
  }
}

function decodeShard(cid: CID, bytes: Uint8Array) {
  const { data, links } = decodeDagPb(bytes)
  const unixfs = decodeUnixfs(data ?? new Uint8Array(0))
  if (unixfs.type !== 'hamt-sharded-directory') throw malformed(cid, 'it is not a shard')
  if (unixfs.hashType !== undefined && unixfs.hashType !== HAMT_HASH_MURMUR3) {
    throw malformed(cid, 'only murmur3 is supported as hash function')
  }
  const fanout = Number(unixfs.fanout ?? 0)
  if (fanout < 8 || fanout > 1024 || (fanout & (fanout - 1)) !== 0) throw malformed(cid, `fanout ${fanout}`)
  return { links, unixfs, fanout }
}

function slotsOf(cid: CID, links: readonly PbLink[], fanout: number, prefixLength: number): Slot[] {
  const slots = links.map(link => {
    const index = Number.parseInt(link.name.slice(0, prefixLength), 16)
    const name = link.name.length === prefixLength ? undefined : link.name.slice(prefixLength)
    if (!(index >= 0 && index < fanout) || hamtPrefix(index, fanout) !== link.name.slice(0, prefixLength)) {
      throw malformed(cid, 'a link has no valid prefix')
    }
    return { index, name, link: { cid: link.cid, size: link.size }, shard: undefined }
  })
  slots.sort((a, b) => a.index - b.index)
  if (slots.some((slot, at) => at > 0 && slots[at - 1]?.index === slot.index)) {
    throw malformed(cid, 'two links share a slot')
  }
  return slots
}

const HASH_BITS = 64

function tooDeep(): Failure {
  return new Failure('failed', 'sharded directory too deep')
}

function malformed(cid: CID, why: string): Failure {
  return new Failure('failed', `malformed shard ${cid}: ${why}`)
}

function valueSlot(index: number, link: PbLink): Slot {
  return { index, name: link.name, link: { cid: link.cid, size: link.size }, shard: undefined }
}

function slotLink(slot: Slot): { readonly cid: CID; readonly size: number } {
  if (slot.link === undefined) throw new Error('a slot without a link was not saved')
  return slot.link
}

function linkOf(slot: Slot): PbLink {
  const { cid, size } = slotLink(slot)
  return { name: slot.name ?? '', cid, size }
}

/** Returns the position of the first slot whose index is not below `index`. */
function slotPosition(shard: Shard, index: number): number {
  let low = 0
  let high = shard.slots.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((shard.slots[middle]?.index ?? 0) < index) low = middle + 1
    else high = middle
  }
  return low
}

function slotAt(shard: Shard, index: number): Slot | undefined {
  const slot = shard.slots[slotPosition(shard, index)]
  return slot?.index === index ? slot : undefined
}

function insertSlot(shard: Shard, slot: Slot): void {
  shard.slots.splice(slotPosition(shard, slot.index), 0, slot)
  shard.changed = true
}

function replaceSlot(shard: Shard, slot: Slot): void {
  shard.slots[slotPosition(shard, slot.index)] = slot
  shard.changed = true
}

function removeSlot(shard: Shard, index: number): void {
  shard.slots.splice(slotPosition(shard, index), 1)
  shard.changed = true
}
