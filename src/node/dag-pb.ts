import { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import { nameFromBytes, nameToBytes } from '../contract/surrogate-escape.ts'
import { plainCid } from './dag-model.ts'

/** A link of a dag-pb node. */
export interface PbLink {
  /** The name, surrogate-escaped (`surrogate-escape.ts`). Empty when it has none. */
  readonly name: string
  readonly cid: CID
  /** `Tsize`: what the writer said is the size of all that is below. Never trusted. Above 2^53 it is not exact. */
  readonly size: number
}

export interface PbNode {
  readonly data: Uint8Array | undefined
  readonly links: readonly PbLink[]
}

/**
 * Decodes a dag-pb block (https://ipld.io/specs/codecs/dag-pb/spec/), as strictly as go-codec-dagpb does. `data` and
 * hashes are views of `bytes`. Throws `failed` for what is no dag-pb.
 */
export function decodeDagPb(bytes: Uint8Array): { data: Uint8Array | undefined; links: PbLink[] } {
  return decodeNode(new Reader(bytes), readLink)
}

/** Like `decodeDagPb`, but makes each link when it is asked for: tens of thousands take as many MiB. */
export function scanDagPb(bytes: Uint8Array): { data: Uint8Array | undefined; links: Iterable<PbLink> } {
  const reader = new Reader(bytes)
  // All are checked before the first is yielded.
  const { data, links: places } = decodeNode(reader, () => {
    const { at } = reader
    readLink(reader)
    return at
  })
  return { data, links: linksAt(reader, places) }
}

function* linksAt(reader: Reader, places: readonly number[]): Iterable<PbLink> {
  for (const place of places) {
    reader.at = place
    yield readLink(reader)
  }
}

/** Decodes a node; `link` reads the link that comes next, or says where it is. */
function decodeNode<L>(reader: Reader, link: (reader: Reader) => L): { data: Uint8Array | undefined; links: L[] } {
  const links: L[] = []
  let data: Uint8Array | undefined
  let linksEnded = false
  while (reader.at < reader.end) {
    const tag = reader.varint()
    if (tag === 0x12) {
      if (linksEnded) throw malformed('links stand apart')
      links.push(link(reader))
    } else if (tag === 0x0a) {
      if (data !== undefined) throw malformed('it has data twice')
      data = reader.bytes()
      if (links.length > 0) linksEnded = true
    } else throw malformed(`field ${tag >> 3} of wire type ${tag & 7} is not known`)
  }
  return { data, links }
}

function readLink(reader: Reader): PbLink {
  return reader.within(decodeLink)
}

function decodeLink(reader: Reader): PbLink {
  let cid: CID | undefined
  let name: string | undefined
  let size: number | undefined
  while (reader.at < reader.end) {
    const tag = reader.varint()
    if (tag === 0x0a) {
      if (cid !== undefined || name !== undefined || size !== undefined)
        throw malformed('the fields of a link are out of order')
      cid = decodeCid(reader.bytes())
    } else if (tag === 0x12) {
      if (name !== undefined || size !== undefined) throw malformed('the fields of a link are out of order')
      name = reader.name()
    } else if (tag === 0x18) {
      if (size !== undefined) throw malformed('a link has two sizes')
      size = reader.varint()
    } else throw malformed(`field ${tag >> 3} of wire type ${tag & 7} of a link is not known`)
  }
  if (cid === undefined) throw malformed('a link has no hash')
  return { name: name ?? '', cid, size: size ?? 0 }
}

function decodeCid(bytes: Uint8Array): CID {
  try {
    return plainCid(bytes) ?? CID.decode(bytes)
  } catch (error) {
    throw malformed('the hash of a link is no CID', error)
  }
}

function malformed(reason: string, cause?: unknown): Failure {
  return new Failure('failed', `malformed dag-pb: ${reason}`, { cause })
}

class Reader {
  at = 0
  /** Where the message ends that is being read. */
  end: number
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.end = bytes.length
  }

  varint(): number {
    let value = 0
    let factor = 1
    for (let count = 0; count < 10; count++) {
      const byte = this.at < this.end ? this.#bytes[this.at++] : undefined
      if (byte === undefined) throw malformed('it ends in the middle of a number')
      value += (byte & 0x7f) * factor
      if (byte < 0x80) {
        if (count === 9 && byte > 1) break
        return value
      }
      factor *= 128
    }
    throw malformed('a number is too long')
  }

  bytes(): Uint8Array {
    const start = this.#field()
    return this.#bytes.subarray(start, this.at)
  }

  name(): string {
    const start = this.#field()
    return start === this.at ? '' : nameFromBytes(this.#bytes.subarray(start, this.at))
  }

  /** Has `decode` read the message that comes next. */
  within<T>(decode: (reader: Reader) => T): T {
    const start = this.#field()
    const [behind, end] = [this.at, this.end]
    this.at = start
    this.end = behind
    const value = decode(this)
    this.end = end
    return value
  }

  /** Goes to the end of a field, and returns where it starts. */
  #field(): number {
    const length = this.varint()
    const start = this.at
    if (start + length > this.end) throw malformed('it ends in the middle of a field')
    this.at = start + length
    return start
  }
}

/** Encodes a dag-pb node: links in the order given, then data. Kubo's bytes: a link always has its three fields. */
export function encodeDagPb(node: {
  readonly data?: Uint8Array | undefined
  readonly links: readonly PbLink[]
}): Uint8Array {
  const names: Uint8Array[] = []
  let total = node.data === undefined ? 0 : 1 + varintLength(node.data.length) + node.data.length
  for (const link of node.links) {
    const name = nameToBytes(link.name)
    names.push(name)
    const length = linkLength(link, name)
    total += 1 + varintLength(length) + length
  }
  const out = new Uint8Array(total)
  let at = 0
  for (const [index, link] of node.links.entries()) {
    const name = names[index] ?? new Uint8Array()
    out[at++] = 0x12
    at = writeVarint(out, at, linkLength(link, name))
    at = writeBytes(out, at, 0x0a, link.cid.bytes)
    at = writeBytes(out, at, 0x12, name)
    out[at++] = 0x18
    at = writeVarint(out, at, link.size)
  }
  if (node.data !== undefined) writeBytes(out, at, 0x0a, node.data)
  return out
}

function linkLength(link: PbLink, name: Uint8Array): number {
  const hash = link.cid.bytes.length
  return 1 + varintLength(hash) + hash + 1 + varintLength(name.length) + name.length + 1 + varintLength(link.size)
}

function writeBytes(out: Uint8Array, at: number, tag: number, bytes: Uint8Array): number {
  out[at] = tag
  const start = writeVarint(out, at + 1, bytes.length)
  out.set(bytes, start)
  return start + bytes.length
}

/** Writes an unsigned varint and returns the position behind it. */
export function writeVarint(out: Uint8Array, at: number, value: number): number {
  let rest = value
  let position = at
  while (rest >= 0x80) {
    out[position++] = (rest % 128) | 0x80
    rest = Math.floor(rest / 128)
  }
  out[position++] = rest
  return position
}

/** Returns how many bytes an unsigned varint takes. */
export function varintLength(value: number): number {
  let length = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) length += 1
  return length
}
