import { crc32, deflateRawSync } from 'node:zlib'

/** A file of a ZIP archive. */
export interface ZipEntry {
  readonly name: string
  readonly bytes: Uint8Array
}

const VERSION_NEEDED = 20
const UTF8_NAMES = 0x0800
const DEFLATE = 8

/** Yields a ZIP archive of small files (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), without ZIP64. */
export async function* zip(entries: AsyncIterable<ZipEntry>, time: Date): AsyncIterable<Uint8Array> {
  const directory: Buffer[] = []
  let offset = 0
  for await (const { name, bytes } of entries) {
    const packed = deflateRawSync(bytes)
    const fields = commonFields(bytes, packed, Buffer.from(name), time)
    const local = Buffer.concat([u32(0x04034b50), fields, Buffer.from(name), packed])
    // Made by Unix, a regular file that its owner may read and write.
    const attributes = Buffer.concat([u16(0), u16(0), u16(0), u32(0o100600 * 0x10000), u32(offset)])
    directory.push(Buffer.concat([u32(0x02014b50), u16(0x0314), fields, attributes, Buffer.from(name)]))
    offset += local.length
    yield local
  }
  const central = Buffer.concat(directory)
  const counts = [u16(0), u16(0), u16(directory.length), u16(directory.length)]
  yield Buffer.concat([central, u32(0x06054b50), ...counts, u32(central.length), u32(offset), u16(0)])
}

/** The fields that stand before a file and in the directory alike. */
function commonFields(bytes: Uint8Array, packed: Uint8Array, name: Uint8Array, time: Date): Buffer {
  const clock = (time.getHours() << 11) | (time.getMinutes() << 5) | (time.getSeconds() >> 1)
  const date = ((time.getFullYear() - 1980) << 9) | ((time.getMonth() + 1) << 5) | time.getDate()
  return Buffer.concat([
    ...[u16(VERSION_NEEDED), u16(UTF8_NAMES), u16(DEFLATE), u16(clock), u16(date)],
    ...[u32(crc32(bytes)), u32(packed.length), u32(bytes.length), u16(name.length), u16(0)],
  ])
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}
