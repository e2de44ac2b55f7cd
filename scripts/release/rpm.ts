import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { cpio, releaseTime } from './archives.ts'
import type { PackageInfo } from './deb.ts'
import { isFolder, type PackedFile, withFolders } from './tree.ts'

/** The form of a value in a header: https://rpm-software-management.github.io/rpm/manual/format_header.html */
type Value =
  | { readonly type: 'int16' | 'int32'; readonly values: readonly number[] }
  | { readonly type: 'string' | 'i18n'; readonly value: string }
  | { readonly type: 'strings'; readonly values: readonly string[] }
  | { readonly type: 'bytes'; readonly value: Uint8Array }

const TYPES = { int16: 3, int32: 4, string: 6, bytes: 7, strings: 8, i18n: 9 } as const
const ALIGN: Readonly<Record<string, number>> = { int16: 2, int32: 4 }
const REGION = { signature: 62, immutable: 63 } as const
const FLAG_LESS_EQUAL_RPMLIB = 0x0100000a

function encodeValue(value: Value): { bytes: Buffer; count: number } {
  switch (value.type) {
    case 'int16':
    case 'int32': {
      const width = value.type === 'int16' ? 2 : 4
      const bytes = Buffer.alloc(value.values.length * width)
      value.values.forEach((number, at) => {
        bytes.writeUIntBE(number, at * width, width)
      })
      return { bytes, count: value.values.length }
    }
    case 'strings':
      return { bytes: Buffer.from(value.values.map(text => `${text}\0`).join('')), count: value.values.length }
    case 'bytes':
      return { bytes: Buffer.from(value.value), count: value.value.length }
    default:
      return { bytes: Buffer.from(`${value.value}\0`), count: 1 }
  }
}

/** Returns a header structure: an index of tags, the data, and a region that says that it is whole. */
function header(region: number, tags: ReadonlyMap<number, Value>): Buffer {
  const entries: Buffer[] = []
  const data: Buffer[] = []
  let length = 0
  const entry = (tag: number, type: number, offset: number, count: number): Buffer => {
    const bytes = Buffer.alloc(16)
    for (const [at, number] of [tag, type, offset, count].entries()) bytes.writeInt32BE(number, at * 4)
    return bytes
  }
  for (const [tag, value] of [...tags].sort(([a], [b]) => a - b)) {
    const { bytes, count } = encodeValue(value)
    const gap = (ALIGN[value.type] ?? 1) - 1
    const padding = gap === 0 ? 0 : (gap + 1 - (length % (gap + 1))) % (gap + 1)
    data.push(Buffer.alloc(padding), bytes)
    entries.push(entry(tag, TYPES[value.type], length + padding, count))
    length += padding + bytes.length
  }
  const number = entries.length + 1
  data.push(entry(region, TYPES.bytes, -number * 16, 16))
  entries.unshift(entry(region, TYPES.bytes, length, 16))
  const head = Buffer.from([0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  head.writeUInt32BE(number, 8)
  head.writeUInt32BE(length + 16, 12)
  return Buffer.concat([head, ...entries, ...data])
}

function lead(name: string, architecture: string): Buffer {
  const bytes = Buffer.alloc(96)
  bytes.set([0xed, 0xab, 0xee, 0xdb, 3, 0, 0, 0])
  bytes.writeUInt16BE(architecture === 'aarch64' ? 19 : 1, 8)
  bytes.write(name.slice(0, 65), 10)
  bytes.writeUInt16BE(1, 76)
  bytes.writeUInt16BE(5, 78)
  return bytes
}

/** Returns an RPM of version 3/4 with a gzip payload. `architecture` is the RPM name: x86_64, aarch64. */
export function rpm(info: PackageInfo, architecture: string, files: readonly PackedFile[]): Buffer {
  const owned = withFolders(files).filter(file => !isFolder(file) || file.path.includes('tsipfs'))
  const archive = cpio(owned)
  const payload = gzipSync(archive, { level: 6 })
  const main = header(REGION.immutable, mainTags(info, architecture, owned, payload))
  const sha256 = createHash('sha256').update(main).digest('hex')
  const md5 = createHash('md5').update(main).update(payload).digest()
  const signature = header(
    REGION.signature,
    new Map<number, Value>([
      [269, { type: 'string', value: createHash('sha1').update(main).digest('hex') }],
      [273, { type: 'string', value: sha256 }],
      [1000, { type: 'int32', values: [main.length + payload.length] }],
      [1004, { type: 'bytes', value: md5 }],
      [1007, { type: 'int32', values: [archive.length] }],
    ]),
  )
  const padding = Buffer.alloc((8 - (signature.length % 8)) % 8)
  return Buffer.concat([lead(`${info.name}-${info.version}-1`, architecture), signature, padding, main, payload])
}

function mainTags(
  info: PackageInfo,
  architecture: string,
  files: readonly PackedFile[],
  payload: Buffer,
): Map<number, Value> {
  const folders = [...new Set(files.map(file => folderOf(file.path)))].sort()
  const text = (value: string): Value => ({ type: 'string', value })
  const numbers = (type: 'int16' | 'int32', of: (file: PackedFile, at: number) => number): Value => ({
    type,
    values: files.map(of),
  })
  const texts = (of: (file: PackedFile) => string): Value => ({ type: 'strings', values: files.map(of) })
  const kind = (file: PackedFile): number =>
    isFolder(file) ? 0o040000 : file.target === undefined ? 0o100000 : 0o120000
  return new Map<number, Value>([
    [100, { type: 'strings', values: ['C'] }],
    [1000, text(info.name)],
    [1001, text(info.version)],
    [1002, text('1')],
    [1004, { type: 'i18n', value: info.summary }],
    [1005, { type: 'i18n', value: info.description }],
    [1006, { type: 'int32', values: [releaseTime()] }],
    [1007, text('localhost')],
    [1009, { type: 'int32', values: [files.reduce((sum, file) => sum + (file.bytes?.length ?? 0), 0)] }],
    [1014, text(info.licence)],
    [1016, { type: 'i18n', value: 'Applications/Internet' }],
    [1020, text(info.homepage)],
    [1021, text('linux')],
    [1022, text(architecture)],
    [1028, numbers('int32', file => file.bytes?.length ?? (file.target ?? '').length)],
    [1030, numbers('int16', file => kind(file) | file.mode)],
    [1033, numbers('int16', () => 0)],
    [1034, numbers('int32', () => releaseTime())],
    [1035, texts(file => (file.bytes === undefined ? '' : createHash('sha256').update(file.bytes).digest('hex')))],
    [1036, texts(file => file.target ?? '')],
    [1037, numbers('int32', () => 0)],
    [1039, texts(() => 'root')],
    [1040, texts(() => 'root')],
    [1044, text(`${info.name}-${info.version}-1.src.rpm`)],
    [1045, numbers('int32', () => -1 >>> 0)],
    [1047, { type: 'strings', values: [info.name] }],
    [1048, { type: 'int32', values: [FLAG_LESS_EQUAL_RPMLIB, FLAG_LESS_EQUAL_RPMLIB, FLAG_LESS_EQUAL_RPMLIB] }],
    [
      1049,
      {
        type: 'strings',
        values: ['rpmlib(CompressedFileNames)', 'rpmlib(PayloadFilesHavePrefix)', 'rpmlib(FileDigests)'],
      },
    ],
    [1050, { type: 'strings', values: ['3.0.4-1', '4.0-1', '4.6.0-1'] }],
    [1095, numbers('int32', () => 1)],
    [1096, numbers('int32', (_, at) => at + 1)],
    [1097, texts(() => '')],
    [1112, { type: 'int32', values: [8] }],
    [1113, { type: 'strings', values: [`${info.version}-1`] }],
    [1116, numbers('int32', file => folders.indexOf(folderOf(file.path)))],
    [1117, texts(file => file.path.split('/').at(-1) ?? '')],
    [1118, { type: 'strings', values: folders }],
    [1124, text('cpio')],
    [1125, text('gzip')],
    [1126, text('6')],
    [5011, { type: 'int32', values: [8] }],
    [5092, { type: 'strings', values: [createHash('sha256').update(payload).digest('hex')] }],
    [5093, { type: 'int32', values: [8] }],
  ])
}

function folderOf(path: string): string {
  return `/${path
    .split('/')
    .slice(0, -1)
    .map(part => `${part}/`)
    .join('')}`
}
