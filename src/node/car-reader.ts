import { CID } from 'multiformats/cid'
import type { Block } from '../repo/roles.ts'
import {
  badCar,
  CAR_HEADER_BYTES_MAX,
  CAR_SECTION_BYTES_MAX,
  type CarHeader,
  decodeCarHeader,
  varintLength,
} from './car.ts'
import { cidFromBytes } from './dag-model.ts'

/** The header of a CARv2 after its pragma: characteristics, data offset, data size, index offset. */
const V2_HEADER_BYTES = 40
const V2_PRAGMA_BYTES = 11
const VARINT_BYTES_MAX = 9
/** Sections below this size are copied where memory is used again: to keep account of each would cost more. */
const OWN_BYTES_MAX = 32 * 1024

/** A CAR that is read from front to back. */
export interface CarReader extends CarHeader {
  /**
   * Yields the blocks in their order. Bytes are not compared with the CIDs: that is the caller's part. They may be
   * views of the piece that the source yielded last. Can be called once.
   */
  blocks(): AsyncIterable<CarBlock>
}

/** A block of a CAR. */
export interface CarBlock extends Block {
  /** Its bytes lie in memory that is never used again. */
  readonly isOwn: boolean
}

/** Options of `openCar`. */
export interface CarOptions {
  readonly sectionBytesMax?: number | undefined
  /** Gives memory for a section that lies across two pieces of the source; without it each gets new memory. */
  readonly joint?: ((length: number) => Uint8Array) | undefined
  /** Is told where each section that is not copied ends in the source, and how long it is with its length in front. */
  readonly sectionEnds?: ((end: number, length: number) => void) | undefined
  /** Copies every section, and gives the pieces back to the source, which may use their memory again. */
  readonly givesBack?: boolean | undefined
}

/**
 * Reads the header of a CAR of version 1 or 2, with or without an index. Holds one section at a time. Throws `failed`
 * for what is no CAR, and, from `blocks`, where it is cut short or broken.
 */
export async function openCar(source: AsyncIterable<Uint8Array>, options: CarOptions = {}): Promise<CarReader> {
  const input = new Input(source, options)
  const outer = await readHeader(input)
  if (outer === undefined) throw badCar('it is empty')
  let header = outer
  if (outer.version === 2) {
    await enterData(input)
    const inner = await readHeader(input)
    if (inner?.version !== 1) throw badCar('its data has no header of version 1')
    header = inner
  }
  const { sectionBytesMax = CAR_SECTION_BYTES_MAX } = options
  return {
    version: outer.version,
    roots: header.roots,
    blocks: () => readSections(input, sectionBytesMax, options.sectionEnds),
  }
}

async function readHeader(input: Input): Promise<CarHeader | undefined> {
  const length = await input.length(CAR_HEADER_BYTES_MAX, 'header')
  if (length === undefined) return undefined
  return decodeCarHeader(await input.take(length))
}

/** Reads the rest of a CARv2 header and goes to where its data begin; reading ends where they end. */
async function enterData(input: Input): Promise<void> {
  const bytes = await input.take(V2_HEADER_BYTES)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const offset = view.getBigUint64(16, true)
  const size = view.getBigUint64(24, true)
  const skipped = offset - BigInt(V2_PRAGMA_BYTES + V2_HEADER_BYTES)
  if (skipped < 0n || offset > 1n << 62n) throw badCar(`invalid data offset ${offset}`)
  if (size === 0n || size > 1n << 62n) throw badCar(`invalid data size ${size}`)
  // Numbers above 2^53 are not exact, but no source has so many bytes.
  await input.skip(Number(skipped))
  input.limit(Number(size))
}

async function* readSections(
  input: Input,
  sectionBytesMax: number,
  sectionEnds: CarOptions['sectionEnds'],
): AsyncIterable<CarBlock> {
  for (;;) {
    const length = await input.length(sectionBytesMax, 'section')
    if (length === undefined) break
    const section = await input.take(length)
    if (!input.copies(length)) sectionEnds?.(input.position, varintLength(length) + length)
    const cid = sectionCid(section)
    yield { cid, bytes: section.subarray(cid.bytes.length), isOwn: input.copies(length) }
  }
  await input.drain()
}

/** Returns the CID that a section begins with. */
function sectionCid(section: Uint8Array): CID {
  const [version = 0, codec = 0, hash = 0, size = 0] = section
  try {
    if (version === 0x12 && codec === 0x20) return cidFromBytes(section, 0, 34)
    if (version === 1 && codec < 0x80 && hash < 0x80 && size < 0x80) {
      if (section.length < size + 4) throw new Error('it is cut short')
      return cidFromBytes(section, 0, size + 4)
    }
    // A longer CID than this is no CID of a block that may be stored.
    const [cid] = CID.decodeFirst(section.slice(0, 256))
    return cid
  } catch (error) {
    throw badCar(`a section has no CID: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Bytes that come in pieces. */
class Input {
  readonly #source: AsyncIterator<Uint8Array>
  readonly #joint: CarOptions['joint']
  readonly #givesBack: boolean
  #piece: Uint8Array = new Uint8Array()
  #at = 0
  /** Where the piece ends in the source. */
  #pieceEnd = 0
  /** How many bytes may still be read. */
  #left = Number.POSITIVE_INFINITY

  constructor(source: AsyncIterable<Uint8Array>, { joint, givesBack = false }: CarOptions) {
    this.#source = source[Symbol.asyncIterator]()
    this.#joint = joint
    this.#givesBack = givesBack
  }

  /** How many bytes of the source were read. */
  get position(): number {
    return this.#pieceEnd - this.#piece.length + this.#at
  }

  limit(bytes: number): void {
    this.#left = bytes
  }

  /** Makes sure that at least one byte can be read; false at the end. */
  async #fill(): Promise<boolean> {
    while (this.#at === this.#piece.length) {
      const next = await this.#source.next(this.#givesBack ? this.#piece : undefined)
      if (next.done === true) return false
      this.#piece = next.value
      this.#pieceEnd += next.value.length
      this.#at = 0
    }
    return true
  }

  async #byte(): Promise<number | undefined> {
    if (this.#left === 0 || !(this.#at < this.#piece.length || (await this.#fill()))) return undefined
    const byte = this.#piece[this.#at]
    this.#at += 1
    this.#left -= 1
    return byte
  }

  /** Reads a length; undefined at the end. */
  async length(max: number, subject: string): Promise<number | undefined> {
    let value = 0
    let scale = 1
    for (let count = 0; count < VARINT_BYTES_MAX; count += 1) {
      const byte = await this.#byte()
      if (byte === undefined) {
        if (count === 0) return undefined
        throw badCar('unexpected end')
      }
      value += (byte & 0x7f) * scale
      scale *= 128
      if (byte >= 0x80) continue
      if (byte === 0 && count > 0) throw badCar(`the length of a ${subject} is not written in its shortest form`)
      if (value > max) throw badCar(`a ${subject} of ${value} bytes is larger than ${max}`)
      if (value === 0) throw badCar(`a ${subject} is empty`)
      return value
    }
    throw badCar(`the length of a ${subject} is too large`)
  }

  /** Returns the next `length` bytes; a view of the piece when they lie in one. */
  async take(length: number): Promise<Uint8Array> {
    if (length > this.#left) throw badCar('unexpected end')
    this.#left -= length
    const isHere = this.#piece.length - this.#at >= length
    if (this.copies(length))
      return isHere ? new Uint8Array(this.#cut(length)) : await this.#fillUp(new Uint8Array(length))
    if (isHere && !this.#givesBack) return this.#cut(length)
    return this.#joint === undefined ? await this.#gather(length) : await this.#fillUp(this.#joint(length))
  }

  /** Returns true when `take` gives new memory to so many bytes. */
  copies(length: number): boolean {
    return this.#joint !== undefined && length < OWN_BYTES_MAX
  }

  async #fillUp(target: Uint8Array): Promise<Uint8Array> {
    for (let done = 0; done < target.length; ) {
      if (!(await this.#fill())) throw badCar('unexpected end')
      const part = this.#cut(Math.min(target.length - done, this.#piece.length - this.#at))
      target.set(part, done)
      done += part.length
    }
    return target
  }

  async #gather(length: number): Promise<Uint8Array> {
    // Grows with what is there, not with what was claimed.
    const parts: Uint8Array[] = []
    for (let missing = length; missing > 0; ) {
      if (!(await this.#fill())) throw badCar('unexpected end')
      // A copy: a source may use its memory again once more is asked for. (`slice` of a Buffer would be none.)
      const part = new Uint8Array(this.#cut(Math.min(missing, this.#piece.length - this.#at)))
      parts.push(part)
      missing -= part.length
    }
    const whole = Buffer.concat(parts, length)
    return new Uint8Array(whole.buffer, whole.byteOffset, length)
  }

  #cut(length: number): Uint8Array {
    const start = this.#at
    this.#at = start + length
    return this.#piece.subarray(start, this.#at)
  }

  async skip(length: number): Promise<void> {
    for (let missing = length; missing > 0; ) {
      if (!(await this.#fill())) throw badCar('unexpected end')
      missing -= this.#cut(Math.min(missing, this.#piece.length - this.#at)).length
    }
  }

  /** Reads to the end: what comes after the data of a CARv2 is an index, which nobody needs. */
  async drain(): Promise<void> {
    if (Number.isFinite(this.#left) && this.#left > 0) throw badCar('unexpected end')
    this.#at = this.#piece.length
    while ((await this.#source.next()).done !== true);
    this.#piece = new Uint8Array()
    this.#at = 0
  }
}
