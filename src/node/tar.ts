import { Failure } from '../contract/failure.ts'
import { nameFromBytes, nameToBytes } from '../contract/surrogate-escape.ts'

/**
 * The tar format (POSIX pax, https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html): headers as bytes,
 * and back. Names and targets are surrogate-escaped.
 */

export const TAR_BLOCK_BYTES = 512
/** Extended headers are refused beyond this size. */
export const EXTENDED_BYTES_MAX = 1024 * 1024

const OCTAL_11_MAX = 8 ** 11 - 1
const NAME_BYTES_MAX = 100
/**
 * Each entry has its whole path before it: of folders in folders without end the paths alone would be larger than all else.
 * The system takes half of this at once.
 */
export const ENTRY_PATH_LENGTH_MAX: number = 8 * 1024
const MAGIC = 'ustar\x0000'

export interface TarTime {
  readonly seconds: number
  readonly nanoseconds: number
}

/** One entry of an archive. */
export interface TarHeader {
  readonly name: string
  readonly type: 'file' | 'directory' | 'symlink'
  /** Bytes that follow, without the padding. */
  readonly size: number
  readonly mode: number
  readonly mtime: TarTime
  /** Where a symbolic link points. */
  readonly target?: string | undefined
  /** The CID of a file; in archives for programs that go on with what they have of it, and a comment to all others. */
  readonly cid?: string | undefined
}

/** The comment that holds a CID. */
const CID_COMMENT = /^cid:([A-Za-z0-9]{20,200})$/

const TYPE_FLAGS = { file: '0', symlink: '2', directory: '5' } as const

/** Returns the blocks of a header. What a plain one has no room for stands in an extended one before it. */
export function encodeTarHeader(header: TarHeader, options: { readonly nanoseconds: boolean }): Uint8Array {
  const name = nameToBytes(header.name)
  const target = nameToBytes(header.target ?? '')
  const { seconds, nanoseconds } = options.nanoseconds ? header.mtime : nearestSecond(header.mtime)
  const records: Uint8Array[] = []
  const binary = [header.name, header.target ?? ''].some(text => !text.isWellFormed())
  if (binary) records.push(record('hdrcharset', nameToBytes('BINARY')))
  if (header.cid !== undefined) records.push(record('comment', nameToBytes(`cid:${header.cid}`)))
  if (!fits(name)) records.push(record('path', name))
  if (!fits(target)) records.push(record('linkpath', target))
  if (header.size > OCTAL_11_MAX) records.push(record('size', nameToBytes(String(header.size))))
  const isPlainTime = seconds >= 0 && seconds <= OCTAL_11_MAX && !(options.nanoseconds && nanoseconds > 0)
  if (!isPlainTime) records.push(record('mtime', nameToBytes(timeText({ seconds, nanoseconds }, options.nanoseconds))))
  const plain = {
    name: fits(name) ? name : name.subarray(0, NAME_BYTES_MAX),
    target: fits(target) ? target : target.subarray(0, NAME_BYTES_MAX),
    flag: TYPE_FLAGS[header.type],
    size: Math.min(header.size, OCTAL_11_MAX),
    mode: header.mode & 0o7777,
    seconds: seconds >= 0 && seconds <= OCTAL_11_MAX ? seconds : 0,
  }
  if (records.length === 0) return plainHeader(plain)
  const body = Buffer.concat(records)
  const extended = { name: nameToBytes('PaxHeaders.0'), target: new Uint8Array(), mode: 0, seconds: 0 }
  return Buffer.concat([
    plainHeader({ ...extended, flag: 'x', size: body.length }),
    body,
    new Uint8Array(paddingOf(body.length)),
    plainHeader(plain),
  ])
}

/** Returns a time in whole seconds, halves upwards, as Go's archives hold it. */
function nearestSecond({ seconds, nanoseconds }: TarTime): TarTime {
  return { seconds: nanoseconds >= 500_000_000 ? seconds + 1 : seconds, nanoseconds: 0 }
}

/** Plain headers hold short names; of which charset they do not say, so others than ASCII stand in extended ones. */
function fits(bytes: Uint8Array): boolean {
  return bytes.length <= NAME_BYTES_MAX && bytes.every(byte => byte < 0x80)
}

/** Returns how many bytes fill up the last block. */
export function paddingOf(size: number): number {
  return (TAR_BLOCK_BYTES - (size % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES
}

/** Returns a record of an extended header: its length counts itself. */
function record(key: string, value: Uint8Array): Uint8Array {
  const rest = key.length + value.length + 3
  let length = rest + String(rest).length
  if (String(length).length + rest > length) length += 1
  return Buffer.concat([nameToBytes(`${length} ${key}=`), value, nameToBytes('\n')])
}

/** Returns decimal seconds; those before 1970 count back from it. */
function timeText({ seconds, nanoseconds }: TarTime, withNanoseconds: boolean): string {
  if (!withNanoseconds || nanoseconds === 0) return String(seconds)
  const isNegative = seconds < 0
  const whole = isNegative ? -(seconds + 1) : seconds
  const fraction = isNegative ? 1e9 - nanoseconds : nanoseconds
  return `${isNegative ? '-' : ''}${whole}.${String(fraction).padStart(9, '0').replace(/0+$/, '')}`
}

interface PlainHeader {
  readonly name: Uint8Array
  readonly target: Uint8Array
  readonly flag: string
  readonly size: number
  readonly mode: number
  readonly seconds: number
}

function plainHeader({ name, target, flag, size, mode, seconds }: PlainHeader): Uint8Array {
  const block = Buffer.alloc(TAR_BLOCK_BYTES)
  block.set(name, 0)
  block.write(`${octal(mode, 7)}\0${octal(0, 7)}\0${octal(0, 7)}\0${octal(size, 11)}\0${octal(seconds, 11)}\0`, 100)
  block.write(' '.repeat(8), 148)
  block.write(flag, 156)
  block.set(target, 157)
  block.write(MAGIC, 257)
  block.write(`${octal(0, 7)}\0${octal(0, 7)}\0`, 329)
  block.write(`${octal(checksumOf(block), 6)}\0 `, 148)
  return block
}

function octal(value: number, length: number): string {
  return value.toString(8).padStart(length, '0')
}

function checksumOf(block: Uint8Array): number {
  let sum = 8 * 0x20
  for (let at = 0; at < TAR_BLOCK_BYTES; at++) if (at < 148 || at >= 156) sum += block[at] ?? 0
  return sum
}

/** A header block as it was read, before extended headers are taken into account. */
export interface RawHeader {
  readonly name: string
  readonly target: string
  readonly flag: string
  readonly size: number
  readonly mode: number
  readonly seconds: number
}

/** Decodes a header block; undefined when it is all zeros, which ends an archive. Throws `failed`. */
export function decodeTarHeader(block: Uint8Array): RawHeader | undefined {
  if (block.every(byte => byte === 0)) return undefined
  if (number(block, 148, 8) !== checksumOf(block)) throw malformedTar('a header has a wrong checksum')
  const isUstar = text(block, 257, 5) === 'ustar'
  // GNU's own format has other fields where POSIX has the beginning of a long name.
  const prefix = isUstar && block[262] === 0 ? text(block, 345, 155) : ''
  const name = text(block, 0, NAME_BYTES_MAX)
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    target: text(block, 157, NAME_BYTES_MAX),
    flag: String.fromCharCode(block[156] ?? 0),
    size: number(block, 124, 12),
    mode: number(block, 100, 8),
    seconds: number(block, 136, 12),
  }
}

function text(block: Uint8Array, at: number, length: number): string {
  const field = block.subarray(at, at + length)
  const end = field.indexOf(0)
  return nameFromBytes(end < 0 ? field : field.subarray(0, end))
}

/** Returns a number in octal digits, or in base 256 when the first bit is set. */
function number(block: Uint8Array, at: number, length: number): number {
  const first = block[at] ?? 0
  if ((first & 0x80) === 0) {
    const digits = text(block, at, length).trim()
    if (!/^[0-7]*$/.test(digits)) throw malformedTar('a number is not octal')
    return digits === '' ? 0 : Number.parseInt(digits, 8)
  }
  // Two's complement: all above the 54 bits that are exact must be copies of the sign.
  let value = BigInt.asIntN(7, BigInt(first & 0x7f))
  for (let index = at + 1; index < at + length; index++) value = value * 256n + BigInt(block[index] ?? 0)
  if (!Number.isSafeInteger(Number(value))) throw malformedTar('a number is too large')
  return Number(value)
}

/** Decodes the records of an extended header, by key. Throws `failed`. */
export function decodeExtended(body: Uint8Array): Map<string, string> {
  const records = new Map<string, string>()
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at)
    const length = Number(text(body, at, Math.max(0, space - at)))
    const end = at + length
    const equals = body.indexOf(0x3d, space)
    const isWhole = space > at && Number.isInteger(length) && length > 0 && end <= body.length
    if (!isWhole || equals < 0 || equals >= end || body[end - 1] !== 0x0a) throw malformedTar('a record is broken')
    const value = body.subarray(equals + 1, end - 1)
    if (value.includes(0)) throw malformedTar('a record holds a zero byte')
    records.set(text(body, space + 1, equals - space - 1), nameFromBytes(value))
    at = end
  }
  return records
}

/** Returns the CID that the records of an extended header name. */
export function cidIn(records: ReadonlyMap<string, string>): string | undefined {
  return CID_COMMENT.exec(records.get('comment') ?? '')?.[1]
}

/** Decodes the decimal seconds of a record. Throws `failed`. */
export function decodeTime(text: string): TarTime {
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text)
  if (match === null) throw malformedTar('a time is no number')
  const [, sign, whole, fraction = ''] = match
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, '0'))
  if (sign === '') return { seconds: Number(whole), nanoseconds }
  if (nanoseconds === 0) return { seconds: 0 - Number(whole), nanoseconds: 0 }
  return { seconds: -Number(whole) - 1, nanoseconds: 1e9 - nanoseconds }
}

/** Returns the failure of an archive that cannot be read. */
export function malformedTar(reason: string): Failure {
  return new Failure('failed', `malformed tar archive: ${reason}`)
}
