import { open } from 'node:fs/promises'
import { CID } from 'multiformats/cid'
import { systemFailure } from '../contract/failure.ts'
import type { Checker } from './check.ts'
import { PACK_HEADER, readVarint } from './pack-format.ts'

/** A section that was found in a pack. */
export interface Section {
  readonly cid: CID
  readonly bytes: Uint8Array
  /** Where its data lies. */
  readonly offset: number
  /** False when the data does not hash to the CID. */
  readonly sound: boolean
}

const WINDOW_BYTES = 8 * 1024 * 1024
/** The length of a section and its CID take at most so many bytes. */
const HEAD_BYTES_MAX = 8 + 160
/** The search for the next sound block looks at so many bytes at once, and believes lengths up to the second. */
const SEARCH_BYTES = 256 * 1024
const FOUND_BYTES_MAX = 4 * 1024 * 1024

/** A file that is read from front to back, with a look at what lies ahead. */
class Window {
  readonly size: number
  readonly #read: (target: Uint8Array, position: number) => Promise<number>
  #bytes = new Uint8Array()
  #start = 0

  constructor(size: number, read: (target: Uint8Array, position: number) => Promise<number>) {
    this.size = size
    this.#read = read
  }

  /** Returns the bytes from `position` on, `length` of them or as many as there are. Valid until the next call. */
  async at(position: number, length: number): Promise<Uint8Array> {
    const end = Math.min(position + length, this.size)
    if (position < this.#start || end > this.#start + this.#bytes.length) {
      const bytes = new Uint8Array(Math.min(Math.max(end - position, WINDOW_BYTES), this.size - position))
      let done = 0
      while (done < bytes.length) {
        const count = await this.#read(bytes.subarray(done), position + done)
        if (count === 0) break
        done += count
      }
      this.#bytes = bytes.subarray(0, done)
      this.#start = position
    }
    return this.#bytes.subarray(position - this.#start, Math.max(position, end) - this.#start)
  }
}

/**
 * Yields the sections of a pack without an index. Where the chain of sections is broken it looks for the next block
 * that hashes to its CID. Returns the end of the last sound section.
 */
export async function* scanPack(file: string, checker: Checker): AsyncGenerator<Section, number> {
  try {
    await using handle = await open(file, 'r')
    const { size } = await handle.stat()
    const window = new Window(size, async (target, position) => {
      const { bytesRead } = await handle.read(target, 0, target.length, position)
      return bytesRead
    })
    let end = PACK_HEADER.length
    for (let at = PACK_HEADER.length; at < size; ) {
      const section = await sectionAt(window, at, checker)
      if (section === undefined || (!section.sound && !(await beginsSection(window, endOf(section))))) {
        at = await nextSound(window, at + 1, checker)
        continue
      }
      yield section
      at = endOf(section)
      if (section.sound) end = at
    }
    return end
  } catch (error) {
    throw systemFailure(error, file)
  }
}

function endOf(section: Section): number {
  return section.offset + section.bytes.length
}

async function sectionAt(window: Window, at: number, checker: Checker): Promise<Section | undefined> {
  const head = await headAt(window, at)
  if (head === undefined) return undefined
  const bytes = await window.at(head.offset, head.length)
  // The window moves on: what is handed out is a copy.
  return { cid: head.cid, bytes: bytes.slice(), offset: head.offset, sound: await checker.matchesHere(head.cid, bytes) }
}

interface Head {
  readonly cid: CID
  readonly offset: number
  readonly length: number
}

/** Returns the CID and the place of the data of a section that may begin here. */
async function headAt(window: Window, at: number): Promise<Head | undefined> {
  return parseHead(await window.at(at, HEAD_BYTES_MAX), at, window.size)
}

function parseHead(bytes: Uint8Array, at: number, size: number): Head | undefined {
  const length = readVarint(bytes, 0)
  if (length === undefined || length.value < 4 || at + length.next + length.value > size) return undefined
  const first = bytes[length.next]
  const second = bytes[length.next + 1]
  if (first !== 1 && !(first === 0x12 && second === 0x20)) return undefined
  try {
    const [cid] = CID.decodeFirst(bytes.subarray(length.next, length.next + length.value))
    const dataLength = length.value - cid.bytes.length
    return dataLength < 0 ? undefined : { cid, offset: at + length.next + cid.bytes.length, length: dataLength }
  } catch {
    // Not a CID: the chain is broken here.
    return undefined
  }
}

async function beginsSection(window: Window, at: number): Promise<boolean> {
  return at === window.size || (await headAt(window, at)) !== undefined
}

/** Returns where the next section begins whose data hashes to its CID; the size of the file when there is none. */
async function nextSound(window: Window, from: number, checker: Checker): Promise<number> {
  for (let start = from; start < window.size; start += SEARCH_BYTES) {
    const bytes = (await window.at(start, SEARCH_BYTES + HEAD_BYTES_MAX)).slice()
    const until = Math.min(SEARCH_BYTES, bytes.length)
    for (let at = 0; at < until; at++) {
      if (!mayBegin(bytes, at)) continue
      const head = parseHead(bytes.subarray(at, at + HEAD_BYTES_MAX), start + at, window.size)
      if (head === undefined || head.length > FOUND_BYTES_MAX || !checker.knows(head.cid)) continue
      if (await checker.matchesHere(head.cid, await window.at(head.offset, head.length))) return start + at
    }
    await new Promise(resolve => setImmediate(resolve))
  }
  return window.size
}

/** Returns true when a length of at most five bytes and what looks like a CID begin here. */
function mayBegin(bytes: Uint8Array, at: number): boolean {
  let place = at
  while ((bytes[place] ?? 0) >= 0x80) if (++place > at + 4) return false
  const first = bytes[place + 1]
  return first === 1 || (first === 0x12 && bytes[place + 2] === 0x20)
}

/** Returns true when a dag-pb block holds no links, as far as its outermost layer says. */
export function isDagPbLeaf(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; ) {
    // Field 1 is the data, field 2 a link; both are length-delimited.
    if (bytes[at] !== 0x0a) return false
    const length = readVarint(bytes, at + 1)
    if (length === undefined) return false
    at = length.next + length.value
  }
  return true
}
