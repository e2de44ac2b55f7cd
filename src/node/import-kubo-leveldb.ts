import { type FileHandle, open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, Failure, systemFailure } from '../contract/failure.ts'
import { decodeSnappy } from './import-kubo-snappy.ts'

/**
 * Reads a LevelDB folder (https://github.com/google/leveldb/blob/main/doc/impl.md, table_format.md, log_format.md)
 * without writing to it or locking it.
 */

/** A table or log larger than this is none. Kubo's tables have 2 to 4 MiB. */
const FILE_BYTES_MAX = 1024 * 1024 * 1024
const BLOCK_BYTES_MAX = 64 * 1024 * 1024

/** Where the key of an entry counts among all changes, and its value; undefined: deleted. */
interface Change {
  readonly sequence: bigint
  readonly value: Uint8Array | undefined
}

/** Keys are compared byte by byte; as text of one character a byte they sort alike. */
type Changes = Map<string, Change>

/**
 * Returns the entries of a LevelDB whose keys begin with one of the prefixes, as they are now. Keys are text with one
 * character for each byte. Throws `failed` when the folder holds no sound LevelDB.
 */
export async function readLevelDb(
  folder: string,
  prefixes: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, Uint8Array>> {
  for (let round = 0; ; round += 1) {
    const before = await manifestName(folder)
    try {
      const entries = await readOnce(folder, before, prefixes, signal)
      if ((await manifestName(folder)) === before) return entries
    } catch (error) {
      // A daemon that works on it may have replaced files meanwhile: that shows in the name of the manifest, or is over soon.
      if (round >= ROUNDS_MAX) throw error
      if (!(error instanceof Failure && error.kind === 'not-found')) throw error
    }
    if (round >= ROUNDS_MAX) throw new Failure('failed', `${folder} keeps changing`, { hint: 'stop its daemon first' })
  }
}

const ROUNDS_MAX = 5

async function manifestName(folder: string): Promise<string> {
  const name = (await read(folder, 'CURRENT')).toString('latin1').trim()
  if (!/^MANIFEST-\d+$/.test(name)) throw damaged(folder, 'CURRENT names no manifest')
  return name
}

async function readOnce(
  folder: string,
  manifest: string,
  prefixes: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Map<string, Uint8Array>> {
  const version = readManifest(folder, await read(folder, manifest))
  const changes: Changes = new Map()
  const names = new Set(await list(folder))
  for (const table of version.tables) {
    signal?.throwIfAborted()
    const base = String(table).padStart(6, '0')
    await readTable(folder, names.has(`${base}.ldb`) ? `${base}.ldb` : `${base}.sst`, prefixes, changes)
  }
  for (const name of [...names].sort()) {
    const log = /^(\d+)\.log$/.exec(name)?.[1]
    if (log === undefined || (Number(log) < version.log && Number(log) !== version.previousLog)) continue
    readLog(await read(folder, name), prefixes, changes)
  }
  const entries = new Map<string, Uint8Array>()
  for (const [key, { value }] of changes) if (value !== undefined) entries.set(key, value)
  return entries
}

interface Version {
  readonly tables: Set<number>
  log: number
  previousLog: number
}

function readManifest(folder: string, bytes: Uint8Array): Version {
  const version: Version = { tables: new Set(), log: 0, previousLog: -1 }
  for (const record of recordsOf(bytes)) {
    const reader = new Reader(record)
    while (!reader.atEnd) {
      const tag = reader.varint()
      if (tag === 1) {
        if (Buffer.from(reader.bytes()).toString('latin1') !== 'leveldb.BytewiseComparator') {
          throw damaged(folder, 'its keys have an order of their own')
        }
      } else if (tag === 2) version.log = reader.varint()
      else if (tag === 9) version.previousLog = reader.varint()
      else if (tag === 3 || tag === 4) reader.varint()
      else if (tag === 5) {
        reader.varint()
        reader.bytes()
      } else if (tag === 6) {
        reader.varint()
        version.tables.delete(reader.varint())
      } else if (tag === 7) {
        reader.varint()
        version.tables.add(reader.varint())
        reader.varint()
        reader.bytes()
        reader.bytes()
      } else throw damaged(folder, `the manifest has a field ${tag}`)
    }
  }
  return version
}

/** Reads the blocks of a table that can hold keys with one of the prefixes. */
async function readTable(folder: string, name: string, prefixes: readonly string[], changes: Changes): Promise<void> {
  const path = join(folder, name)
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    throw systemFailure(error, path)
  }
  try {
    const { size } = await file.stat()
    if (size < FOOTER_BYTES || size > FILE_BYTES_MAX) throw damaged(path, `its size is ${size}`)
    const footer = await readAt(file, size - FOOTER_BYTES, FOOTER_BYTES, path)
    if (Buffer.from(footer.subarray(40)).toString('hex') !== TABLE_MAGIC) throw damaged(path, 'it is no table')
    const reader = new Reader(footer)
    reader.varint()
    reader.varint()
    const index = await readBlock(file, { offset: reader.varint(), length: reader.varint() }, path)
    let before = ''
    for (const { key, value } of entriesOf(index, path)) {
      const last = key.slice(0, -8)
      // The keys of a block lie behind the index key of the block before, and not behind its own.
      const wanted = prefixes.some(prefix => last >= prefix && (before < prefix || before.startsWith(prefix)))
      before = last
      if (!wanted) continue
      const handle = new Reader(value)
      const block = await readBlock(file, { offset: handle.varint(), length: handle.varint() }, path)
      for (const entry of entriesOf(block, path)) takeInternal(entry, prefixes, changes)
    }
  } finally {
    await file.close()
  }
}

const FOOTER_BYTES = 48
const TABLE_MAGIC = '57fb808b247547db'
const BLOCK_TRAILER_BYTES = 5

interface Entry {
  readonly key: string
  readonly value: Uint8Array
}

/** Takes an entry of a table: its key ends with the sequence number and the kind of change. */
function takeInternal({ key, value }: Entry, prefixes: readonly string[], changes: Changes): void {
  const user = key.slice(0, -8)
  if (!prefixes.some(prefix => user.startsWith(prefix))) return
  const tail = Buffer.from(key.slice(-8), 'latin1').readBigUInt64LE()
  take(changes, user, { sequence: tail >> 8n, value: (tail & 0xffn) === 1n ? value : undefined })
}

function take(changes: Changes, key: string, change: Change): void {
  const known = changes.get(key)
  if (known === undefined || known.sequence <= change.sequence) changes.set(key, change)
}

async function readBlock(file: FileHandle, at: { offset: number; length: number }, path: string): Promise<Uint8Array> {
  if (at.length > BLOCK_BYTES_MAX) throw damaged(path, `a block has ${at.length} bytes`)
  const raw = await readAt(file, at.offset, at.length + BLOCK_TRAILER_BYTES, path)
  const checked = raw.subarray(0, at.length + 1)
  if (maskedCrc(checked) !== Buffer.from(raw.subarray(at.length + 1)).readUInt32LE()) {
    throw damaged(path, 'the checksum of a block does not match')
  }
  const block = raw.subarray(0, at.length)
  const compression = raw[at.length]
  if (compression === 0) return block
  if (compression === 1) return decodeSnappy(block, BLOCK_BYTES_MAX)
  throw damaged(path, `a block has compression ${compression}`)
}

/** Yields the entries of a block of a table. Keys share their beginning with the one before. */
function* entriesOf(block: Uint8Array, path: string): Generator<Entry> {
  const restarts = Buffer.from(block.buffer, block.byteOffset, block.length).readUInt32LE(block.length - 4)
  const end = block.length - 4 * (restarts + 1)
  if (end < 0) throw damaged(path, 'a block is cut short')
  const reader = new Reader(block.subarray(0, end))
  let key = ''
  while (!reader.atEnd) {
    const shared = reader.varint()
    const own = reader.varint()
    const length = reader.varint()
    key = key.slice(0, shared) + Buffer.from(reader.take(own)).toString('latin1')
    yield { key, value: reader.take(length) }
  }
}

/** Reads the batches of a log. What was cut off by a crash, or is being written, ends it. */
function readLog(bytes: Uint8Array, prefixes: readonly string[], changes: Changes): void {
  for (const record of recordsOf(bytes)) {
    if (record.length < 12) continue
    let sequence = Buffer.from(record.buffer, record.byteOffset, record.length).readBigUInt64LE()
    const reader = new Reader(record.subarray(12))
    for (; !reader.atEnd; sequence += 1n) {
      const isValue = reader.take(1)[0] === 1
      const key = Buffer.from(reader.bytes()).toString('latin1')
      const value = isValue ? reader.bytes() : undefined
      if (prefixes.some(prefix => key.startsWith(prefix))) take(changes, key, { sequence, value })
    }
  }
}

const LOG_BLOCK_BYTES = 32_768
const LOG_HEADER_BYTES = 7

/** Yields the records of a log: each is whole, or in pieces that do not cross blocks of 32 KiB. */
function* recordsOf(bytes: Uint8Array): Generator<Uint8Array> {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  let pieces: Uint8Array[] = []
  for (let at = 0; at + LOG_HEADER_BYTES <= bytes.length; ) {
    const left = LOG_BLOCK_BYTES - (at % LOG_BLOCK_BYTES)
    if (left < LOG_HEADER_BYTES) {
      at += left
      continue
    }
    const length = view.readUInt16LE(at + 4)
    const kind = view[at + 6] ?? 0
    if (kind === 0 && length === 0) {
      at += left
      continue
    }
    const end = at + LOG_HEADER_BYTES + length
    if (end > bytes.length || maskedCrc(bytes.subarray(at + 6, end)) !== view.readUInt32LE(at)) return
    const piece = bytes.subarray(at + LOG_HEADER_BYTES, end)
    at = end
    if (kind === FULL || kind === FIRST) pieces = []
    pieces.push(piece)
    if (kind !== FULL && kind !== LAST) continue
    yield pieces.length === 1 ? piece : Buffer.concat(pieces)
    pieces = []
  }
}

const FULL = 1
const FIRST = 2
const LAST = 4

class Reader {
  #at = 0
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  varint(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#bytes[this.#at]
      if (byte === undefined || factor > 2 ** 63)
        throw new Failure('failed', 'malformed LevelDB: a number is cut short')
      this.#at += 1
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
  }

  take(count: number): Uint8Array {
    const end = this.#at + count
    if (end > this.#bytes.length) throw new Failure('failed', 'malformed LevelDB: an entry is cut short')
    const part = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return part
  }

  bytes(): Uint8Array {
    return this.take(this.varint())
  }
}

const CRC_TABLE = crcTable()

function crcTable(): Uint32Array {
  const table = new Uint32Array(256)
  for (let index = 0; index < 256; index += 1) {
    let value = index
    for (let bit = 0; bit < 8; bit += 1) value = (value & 1) === 1 ? (value >>> 1) ^ 0x82f6_3b78 : value >>> 1
    table[index] = value
  }
  return table
}

/** Returns the CRC-32C as LevelDB stores it. */
function maskedCrc(bytes: Uint8Array): number {
  let crc = 0xffff_ffff
  for (const byte of bytes) crc = (CRC_TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8)
  crc = ~crc >>> 0
  return (((crc >>> 15) | (crc << 17)) + 0xa282_ead8) >>> 0
}

async function list(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    throw systemFailure(error, folder)
  }
}

async function read(folder: string, name: string): Promise<Buffer> {
  const path = join(folder, name)
  try {
    return await readFile(path)
  } catch (error) {
    if (errorCode(error) === 'ERR_FS_FILE_TOO_LARGE') throw damaged(path, 'it is too large')
    throw systemFailure(error, path)
  }
}

async function readAt(file: FileHandle, position: number, length: number, path: string): Promise<Uint8Array> {
  const buffer = new Uint8Array(length)
  const { bytesRead } = await file.read(buffer, 0, length, position)
  if (bytesRead < length) throw damaged(path, 'it is cut short')
  return buffer
}

function damaged(path: string, why: string): Failure {
  return new Failure('failed', `${path} is damaged: ${why}`)
}
