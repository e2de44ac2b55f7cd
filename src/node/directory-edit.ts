import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import { nameToBytes } from '../contract/surrogate-escape.ts'
import type { Blocks, Waiting } from '../repo/roles.ts'
import { decodeDagPb, encodeDagPb, type PbLink } from './dag-pb.ts'
import {
  type DirectoryRules,
  type DirectoryStat,
  directoryDataSize,
  linkSize,
  type SizeEstimation,
} from './directory-size.ts'
import { HamtEdit } from './hamt-edit.ts'
import { type CidFormat, DAG_PB, formatOf, putBlock, sameFormat } from './mfs/format.ts'
import { decodeUnixfs, encodeUnixfs } from './unixfs.ts'

type EditBlocks = Pick<Blocks, 'get' | 'put'>

/** The root of a folder, and the cumulative size of its DAG. */
export interface SavedDirectory {
  readonly cid: CID
  readonly size: number
}

/**
 * A UnixFS folder under change. It is a plain folder or a HAMT, and turns from one into the other by the rules that
 * Kubo applies (boxo `ipld/unixfs/io/directory.go`), so that the same changes give the same CID. Only what was touched
 * is written, by `save`.
 */
export class DirectoryEdit {
  readonly #blocks: EditBlocks
  readonly #rules: DirectoryRules
  readonly #waiting: Waiting
  #shape: PlainEdit | HamtEdit
  /** By how much the entries of a HAMT have grown since it was opened. */
  #growth = 0
  /** The number of entries of a HAMT, once it is known. */
  #hamtCount: number | undefined
  /** The root as it is stored; undefined when it has changed since. */
  #saved: SavedDirectory | undefined

  private constructor(
    blocks: EditBlocks,
    rules: DirectoryRules,
    shape: PlainEdit | HamtEdit,
    saved: SavedDirectory | undefined,
    waiting: Waiting,
  ) {
    this.#blocks = blocks
    this.#rules = rules
    this.#waiting = waiting
    this.#shape = shape
    this.#saved = saved
  }

  /** Returns an empty plain folder. */
  static empty(
    blocks: EditBlocks,
    rules: DirectoryRules,
    format: CidFormat,
    stat: DirectoryStat = {},
    waiting: Waiting = {},
  ): DirectoryEdit {
    const data = encodeUnixfs({ type: 'directory', ...stat })
    return new DirectoryEdit(blocks, rules, new PlainEdit(data, [], stat, format, rules.estimation), undefined, waiting)
  }

  /** Returns the folder whose root block this is. Throws a Failure when it is not a folder. */
  static open(
    blocks: EditBlocks,
    cid: CID,
    bytes: Uint8Array,
    rules: DirectoryRules,
    waiting: Waiting = {},
  ): DirectoryEdit {
    const { data, links } = decodeDagPb(bytes)
    const unixfs = decodeUnixfs(data ?? new Uint8Array(0))
    const format = formatOf(cid)
    const saved = { cid, size: links.reduce((sum, link) => sum + link.size, bytes.length) }
    if (unixfs.type === 'hamt-sharded-directory') {
      const shape = HamtEdit.open(blocks, cid, bytes, format, waiting)
      return new DirectoryEdit(blocks, rules, shape, saved, waiting)
    }
    if (unixfs.type !== 'directory') throw new Failure('failed', `${cid} is not a directory`)
    const stat = { mode: unixfs.mode, mtime: unixfs.mtime }
    const shape = new PlainEdit(data ?? new Uint8Array(0), links, stat, format, rules.estimation)
    return new DirectoryEdit(blocks, rules, shape, saved, waiting)
  }

  /** True when `save` would write something new. */
  get changed(): boolean {
    return this.#saved === undefined
  }

  /** How the CID of the folder's root is made. */
  get format(): CidFormat {
    return this.#shape.format
  }

  /** Makes the root's CID in another format from now on. */
  setFormat(format: CidFormat): void {
    if (sameFormat(format, this.#shape.format)) return
    this.#shape.format = format
    this.#saved = undefined
  }

  get stat(): DirectoryStat {
    return this.#shape.stat
  }

  /** Sets the metadata of the folder. */
  setStat(stat: DirectoryStat): void {
    this.#shape.stat = stat
    this.#saved = undefined
  }

  /** Returns the entry of that name; undefined when there is none. */
  async find(name: string): Promise<PbLink | undefined> {
    return await this.#shape.find(name)
  }

  /** Yields the entries: of a plain folder in the order of their block, of a HAMT in that of their slots. */
  entries(): AsyncIterable<PbLink> {
    return this.#shape.entries()
  }

  /** Adds or replaces an entry. */
  async set(link: PbLink): Promise<void> {
    checkEntryName(link.name)
    if (this.#shape instanceof HamtEdit && (await this.#mustBePlain(this.#shape, link.name, link))) {
      await this.#toPlain(this.#shape)
    } else if (this.#shape instanceof PlainEdit && this.#mustBeHamt(this.#shape, link)) {
      await this.#toHamt(this.#shape)
    }
    const old = await this.#shape.set(link)
    if (this.#shape instanceof HamtEdit) this.#account(this.#shape, old, link)
    this.#saved = undefined
  }

  /** Removes an entry. Returns false when there is none of that name. */
  async remove(name: string): Promise<boolean> {
    if (this.#shape instanceof HamtEdit && (await this.#mustBePlain(this.#shape, name, undefined))) {
      await this.#toPlain(this.#shape)
    }
    const old = await this.#shape.remove(name)
    if (old === undefined) return false
    if (this.#shape instanceof HamtEdit) this.#account(this.#shape, old, undefined)
    this.#saved = undefined
    return true
  }

  /** Writes what was touched; returns the root's CID and cumulative size. The blocks still have to be flushed. */
  async save(): Promise<SavedDirectory> {
    const shape = this.#shape
    this.#saved ??= shape instanceof HamtEdit ? await shape.save() : await shape.save(this.#blocks)
    return this.#saved
  }

  #mustBeHamt(plain: PlainEdit, link: PbLink): boolean {
    const { thresholdBytes, estimation, maxLinks } = this.#rules
    if (thresholdBytes === 0) return false
    const old = plain.peek(link.name)
    if (old === undefined && maxLinks > 0 && plain.count + 1 > maxLinks) return true
    if (estimation === 'disabled') return false
    const change = linkSize(link, estimation) - (old === undefined ? 0 : linkSize(old, estimation))
    return plain.estimate + change > thresholdBytes
  }

  async #mustBePlain(hamt: HamtEdit, name: string, link: PbLink | undefined): Promise<boolean> {
    const { thresholdBytes, estimation, maxLinks } = this.#rules
    if (thresholdBytes === 0) return false
    const old = await hamt.find(name)
    const more = (link === undefined ? 0 : 1) - (old === undefined ? 0 : 1)
    const fewEnough = maxLinks === 0 || (await this.#hasAtMost(hamt, maxLinks - more))
    if (estimation === 'disabled') return fewEnough && maxLinks > 0
    let change = 0
    if (old !== undefined) change -= linkSize(hamt.asStored(old), estimation)
    if (link !== undefined) change += linkSize(link, estimation)
    if (!fewEnough || this.#growth + change >= 0) return false
    return await this.#fitsPlain(hamt, change)
  }

  /** Counts entries until it is clear whether there are more than that. */
  async #hasAtMost(hamt: HamtEdit, limit: number): Promise<boolean> {
    // Each slot of the root holds an entry at least.
    if (hamt.rootSlots > limit) return false
    if (this.#hamtCount === undefined) {
      let count = 0
      for await (const _ of hamt.entries()) if (++count > limit) return false
      this.#hamtCount = count
    }
    return this.#hamtCount <= limit
  }

  /** Adds up the entries until it is clear whether they fit a plain folder. */
  async #fitsPlain(hamt: HamtEdit, change: number): Promise<boolean> {
    const { thresholdBytes, estimation } = this.#rules
    let size = estimation === 'block' ? directoryDataSize(hamt.stat) : 0
    for await (const link of hamt.entries()) {
      size += linkSize(link, estimation)
      if (size + change > thresholdBytes) return false
    }
    return true
  }

  async #toPlain(hamt: HamtEdit): Promise<void> {
    const links: PbLink[] = []
    for await (const link of hamt.entries()) links.push(link)
    const data = encodeUnixfs({ type: 'directory', ...hamt.stat })
    this.#shape = new PlainEdit(data, links, hamt.stat, hamt.format, this.#rules.estimation)
    this.#shape.sorted = false
    this.#saved = undefined
  }

  async #toHamt(plain: PlainEdit): Promise<void> {
    const { fanout } = this.#rules
    const valid = fanout >= 8 && (fanout & (fanout - 1)) === 0
    const hamt = HamtEdit.empty(this.#blocks, valid ? fanout : 256, plain.format, plain.stat, this.#waiting)
    for await (const link of plain.entries()) await hamt.set(link)
    this.#shape = hamt
    this.#growth = 0
    this.#hamtCount = plain.count
    this.#saved = undefined
  }

  #account(hamt: HamtEdit, old: PbLink | undefined, link: PbLink | undefined): void {
    // As in boxo, the growth is counted by names and CIDs, whatever the estimation.
    if (old !== undefined) this.#growth -= linkSize(hamt.asStored(old), 'links')
    if (link !== undefined) this.#growth += linkSize(link, 'links')
    if (this.#hamtCount !== undefined) this.#hamtCount += (link === undefined ? 0 : 1) - (old === undefined ? 0 : 1)
  }
}

/** A folder whose entries are the links of one block. */
class PlainEdit {
  format: CidFormat
  /** False when the links have to be brought into order before they are written. */
  sorted = true
  /** The size by the estimation in use. */
  estimate: number
  count: number
  #data: Uint8Array
  #stat: DirectoryStat
  readonly #estimation: SizeEstimation
  /** Several entries of one name occur in folders that others made. */
  readonly #links = new Map<string, PbLink[]>()

  constructor(
    data: Uint8Array,
    links: readonly PbLink[],
    stat: DirectoryStat,
    format: CidFormat,
    estimation: SizeEstimation,
  ) {
    this.#data = data
    this.#stat = stat
    this.format = format
    this.#estimation = estimation
    this.count = links.length
    this.estimate = estimation === 'block' ? directoryDataSize(stat) : 0
    for (const link of links) {
      const others = this.#links.get(link.name)
      // Order matters as long as nothing changes; entries of one name that lie apart are brought together by sorting.
      if (others === undefined) this.#links.set(link.name, [link])
      else {
        this.sorted = false
        others.push(link)
      }
      this.estimate += linkSize(link, estimation)
    }
  }

  get stat(): DirectoryStat {
    return this.#stat
  }

  set stat(stat: DirectoryStat) {
    this.#stat = stat
    this.#data = encodeUnixfs({ type: 'directory', ...stat })
  }

  peek(name: string): PbLink | undefined {
    return this.#links.get(name)?.[0]
  }

  async find(name: string): Promise<PbLink | undefined> {
    return this.peek(name)
  }

  async *entries(): AsyncIterable<PbLink> {
    for (const links of this.#links.values()) yield* links
  }

  async set(link: PbLink): Promise<PbLink | undefined> {
    const old = this.#take(link.name)
    this.#links.set(link.name, [link])
    this.estimate += linkSize(link, this.#estimation)
    this.count += 1
    this.sorted = false
    return old
  }

  async remove(name: string): Promise<PbLink | undefined> {
    return this.#take(name)
  }

  #take(name: string): PbLink | undefined {
    const links = this.#links.get(name)
    if (links === undefined) return undefined
    this.#links.delete(name)
    for (const link of links) this.estimate -= linkSize(link, this.#estimation)
    this.count -= links.length
    this.sorted = false
    return links[0]
  }

  async save(blocks: EditBlocks): Promise<{ cid: CID; size: number }> {
    const links = [...this.#links.values()].flat()
    if (!this.sorted) sortLinks(links)
    const bytes = encodeDagPb({ data: this.#data, links })
    const cid = await putBlock(blocks, DAG_PB, bytes, this.format, links.length === 0)
    return { cid, size: links.reduce((sum, link) => sum + link.size, bytes.length) }
  }
}

/** Sorts links by the bytes of their names; those of one name keep their order. */
export function sortLinks(links: PbLink[]): void {
  // Code units sort as bytes do unless surrogates are about.
  if (links.every(link => !/[\ud800-\udfff]/.test(link.name))) {
    links.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    return
  }
  const keyed = links.map(link => ({ link, key: nameToBytes(link.name) }))
  keyed.sort((a, b) => Buffer.compare(a.key, b.key))
  keyed.forEach(({ link }, at) => {
    links[at] = link
  })
}

/** Throws `failed` for a name that no entry of a folder may have. */
export function checkEntryName(name: string): void {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) {
    throw new Failure('failed', `cannot create an entry named ${JSON.stringify(name)}`)
  }
}
