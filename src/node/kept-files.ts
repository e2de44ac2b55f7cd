import * as fs from 'node:fs'
import { constants } from 'node:fs'
import { dirname, join } from 'node:path'
import type { CID } from 'multiformats/cid'
import { Checker } from '../repo/check.ts'
import { Breath } from '../repo/pause.ts'
import type { Blocks, Waiting } from '../repo/roles.ts'
import { encodeLeaf } from './file-leaf.ts'
import { type FileNode, fileNodeOf } from './file-node.ts'
import { checkBlock } from './hash.ts'
import { partsOf, pathOf } from './part-files.ts'

const RAW = 0x55
const DAG_PB = 0x70
/** What a block may hold; larger parts of a file are nodes with leaves below. */
const LEAF_BYTES_MAX = 2 * 1024 * 1024
const DEPTH_MAX = 64
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/**
 * What lies on the disk of a file or tree that is about to be saved: what runs before have saved. Blocks of it that are
 * not in the repo, and hash right, are put there; so only the others are fetched.
 */
export class KeptFiles {
  readonly #blocks: Pick<Blocks, 'get'>
  readonly #local: Pick<Blocks, 'stat' | 'put'>
  readonly #target: string
  readonly #checker = new Checker(checkBlock)
  readonly #breath = new Breath()
  readonly #options: Waiting
  /** Bytes that need not be fetched. */
  keptBytes = 0

  /** `target` is where the root goes; `blocks` fetches inner blocks, `local` holds what is in the repo. */
  constructor(target: string, blocks: Pick<Blocks, 'get'>, local: Pick<Blocks, 'stat' | 'put'>, options: Waiting = {}) {
    this.#target = target
    this.#blocks = blocks
    this.#local = local
    this.#options = options
  }

  /** Looks whether a file of a single block lies at a path below the root. */
  async block(cid: CID, path: string): Promise<void> {
    if ((cid.code !== RAW && cid.code !== DAG_PB) || (await this.#isHere(cid))) return
    const place = this.#placeOf(path)
    using file = place === undefined ? undefined : OpenFile.at(place)
    if (file === undefined || file.size > LEAF_BYTES_MAX) return
    await this.#putLeaf(cid, file, 0, file.size)
  }

  /** Looks for the leaves of a file in what lies at its path, and in parts of it. */
  async file(root: FileNode, path: string): Promise<void> {
    if (root.links.length === 0 || root.sizes === undefined) return
    const place = this.#placeOf(path)
    if (place === undefined) return
    const parts = partsOf(dirname(place), root.cid.toString()).map(part => part.path)
    for (const candidate of [place, ...parts]) {
      using file = OpenFile.at(candidate)
      if (file !== undefined && file.size > 0) await this.#leavesIn(file, root)
    }
  }

  /** A file is saved into a folder that is there. Undefined for a path that leads out of it: nothing is saved there. */
  #placeOf(path: string): string | undefined {
    const [root = '', ...rest] = path.split('/')
    if (rest.some(name => name === '' || name === '.' || name === '..' || name.includes('\0'))) return undefined
    if (rest.length > 0) return join(this.#target, ...rest)
    const isFolder = fs.lstatSync(pathOf(this.#target), { throwIfNoEntry: false })?.isDirectory() === true
    return isFolder ? join(this.#target, root) : this.#target
  }

  async #isHere(cid: CID): Promise<boolean> {
    return (await this.#local.stat(cid, this.#options)) !== undefined
  }

  async #leavesIn(file: OpenFile, root: FileNode): Promise<void> {
    const open: { node: FileNode; at: number; offset: number; leafBytes: number }[] = []
    const enter = (node: FileNode, offset: number): void => {
      if (open.length < DEPTH_MAX) open.push({ node, at: 0, offset: offset + node.data.length, leafBytes: -1 })
    }
    enter(root, 0)
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const [cid, size] = [top.node.links[top.at]?.cid, top.node.sizes?.[top.at]]
      const { offset } = top
      if (cid === undefined || size === undefined || offset >= file.size) {
        open.pop()
        continue
      }
      top.at += 1
      top.offset += size
      if (this.#breath.due) await this.#breath.take(this.#options.signal)
      const isLeaf = cid.code === RAW || size <= top.leafBytes
      if (isLeaf && (await this.#isHere(cid))) continue
      if (size <= LEAF_BYTES_MAX && (await this.#putLeaf(cid, file, offset, size))) top.leafBytes = size
      else if (!isLeaf) {
        // It has leaves below, most likely: then it is needed in any case.
        const node = fileNodeOf(cid, await this.#blocks.get(cid, this.#options))
        if (node.links.length === 0) top.leafBytes = size
        else enter(node, offset)
      }
    }
  }

  /** Puts the block of a leaf when the bytes of the file are those in it. */
  async #putLeaf(cid: CID, file: OpenFile, offset: number, size: number): Promise<boolean> {
    if (offset + size > file.size) return false
    const data = file.read(offset, size)
    if (data === undefined) return false
    const forms = cid.code === RAW ? [data] : [encodeLeaf('file', data), encodeLeaf('raw', data)]
    for (const bytes of forms) {
      if (!(await this.#checker.matches(cid, bytes))) continue
      await this.#local.put(cid, bytes, { leaf: true, signal: this.#options.signal })
      this.keptBytes += size
      return true
    }
    return false
  }
}

/** A regular file that is open for reading. */
class OpenFile implements Disposable {
  readonly #descriptor: number
  readonly size: number

  private constructor(descriptor: number, size: number) {
    this.#descriptor = descriptor
    this.size = size
  }

  /** Returns undefined for what is not there, is no file, or cannot be read. */
  static at(path: string): OpenFile | undefined {
    let descriptor: number | undefined
    try {
      // Opening a FIFO would let whoever writes to it go on.
      if (!fs.lstatSync(pathOf(path)).isFile()) return undefined
      descriptor = fs.openSync(pathOf(path), READ)
      const stat = fs.fstatSync(descriptor)
      if (stat.isFile()) return new OpenFile(descriptor, stat.size)
    } catch {
      // What cannot be read keeps nothing: all is fetched.
    }
    if (descriptor !== undefined) fs.closeSync(descriptor)
    return undefined
  }

  /** Returns so many bytes; undefined when they are not there. */
  read(offset: number, size: number): Uint8Array | undefined {
    const bytes = new Uint8Array(size)
    try {
      for (let at = 0; at < size; ) {
        const count = fs.readSync(this.#descriptor, bytes, at, size - at, offset + at)
        if (count === 0) return undefined
        at += count
      }
      return bytes
    } catch {
      return undefined
    }
  }

  [Symbol.dispose](): void {
    fs.closeSync(this.#descriptor)
  }
}
