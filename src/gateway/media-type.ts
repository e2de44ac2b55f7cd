/** Types of files by the ends of their names; what is not here is told by its bytes. */
const BY_EXTENSION: Readonly<Record<string, string>> = {
  '3gp': 'video/3gpp',
  '7z': 'application/x-7z-compressed',
  aac: 'audio/aac',
  apng: 'image/apng',
  avi: 'video/x-msvideo',
  avif: 'image/avif',
  bin: 'application/octet-stream',
  bmp: 'image/bmp',
  bz2: 'application/x-bzip2',
  car: 'application/vnd.ipld.car',
  css: 'text/css; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
  doc: 'application/msword',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  eot: 'application/vnd.ms-fontobject',
  epub: 'application/epub+zip',
  flac: 'audio/flac',
  gif: 'image/gif',
  gz: 'application/gzip',
  htm: 'text/html',
  html: 'text/html',
  ico: 'image/vnd.microsoft.icon',
  ics: 'text/calendar; charset=utf-8',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json',
  jsonld: 'application/ld+json',
  m4a: 'audio/mp4',
  m4v: 'video/mp4',
  map: 'application/json',
  md: 'text/markdown; charset=utf-8',
  mid: 'audio/midi',
  midi: 'audio/midi',
  mjs: 'text/javascript; charset=utf-8',
  mkv: 'video/x-matroska',
  mov: 'video/quicktime',
  mp3: 'audio/mpeg',
  mp4: 'video/mp4',
  mpeg: 'video/mpeg',
  oga: 'audio/ogg',
  ogg: 'audio/ogg',
  ogv: 'video/ogg',
  opus: 'audio/ogg',
  otf: 'font/otf',
  pdf: 'application/pdf',
  png: 'image/png',
  ppt: 'application/vnd.ms-powerpoint',
  pptx: 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  rss: 'application/rss+xml',
  rtf: 'application/rtf',
  shtml: 'text/html',
  svg: 'image/svg+xml',
  tar: 'application/x-tar',
  tif: 'image/tiff',
  tiff: 'image/tiff',
  toml: 'application/toml',
  ts: 'video/mp2t',
  ttf: 'font/ttf',
  txt: 'text/plain; charset=utf-8',
  wasm: 'application/wasm',
  wav: 'audio/x-wav',
  weba: 'audio/webm',
  webm: 'video/webm',
  webmanifest: 'application/manifest+json',
  webp: 'image/webp',
  woff: 'font/woff',
  woff2: 'font/woff2',
  xhtml: 'application/xhtml+xml',
  xls: 'application/vnd.ms-excel',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  xml: 'text/xml; charset=utf-8',
  yaml: 'application/yaml',
  yml: 'application/yaml',
  zip: 'application/zip',
  zst: 'application/zstd',
}

/** Returns the type that a name's end stands for; undefined when it stands for none. */
export function typeByName(name: string): string | undefined {
  const extension = /\.([^./]+)$/.exec(name)?.[1]?.toLowerCase()
  return extension !== undefined && Object.hasOwn(BY_EXTENSION, extension) ? BY_EXTENSION[extension] : undefined
}

const MAGIC: readonly (readonly [start: string, type: string, at?: number])[] = [
  ['\x89PNG\r\n\x1a\n', 'image/png'],
  ['\xff\xd8\xff', 'image/jpeg'],
  ['GIF87a', 'image/gif'],
  ['GIF89a', 'image/gif'],
  ['WEBP', 'image/webp', 8],
  ['WAVE', 'audio/wav', 8],
  ['AVI ', 'video/x-msvideo', 8],
  ['%PDF-', 'application/pdf'],
  ['PK\x03\x04', 'application/zip'],
  ['\x1f\x8b', 'application/gzip'],
  ['\xfd7zXZ\x00', 'application/x-xz'],
  ['BZh', 'application/x-bzip2'],
  ['\x28\xb5\x2f\xfd', 'application/zstd'],
  ["7z\xbc\xaf'\x1c", 'application/x-7z-compressed'],
  ['\x00asm', 'application/wasm'],
  ['\x7fELF', 'application/x-elf'],
  ['ftypavif', 'image/avif', 4],
  ['ftypqt', 'video/quicktime', 4],
  ['ftypM4A', 'audio/x-m4a', 4],
  ['ftyp', 'video/mp4', 4],
  ['\x1aE\xdf\xa3', 'video/webm'],
  ['ID3', 'audio/mpeg'],
  ['\xff\xfb', 'audio/mpeg'],
  ['fLaC', 'audio/flac'],
  ['OggS', 'application/ogg'],
  ['BM', 'image/bmp'],
  ['II*\0', 'image/tiff'],
  ['MM\0*', 'image/tiff'],
  ['\0\0\x01\0', 'image/x-icon'],
  ['wOFF', 'font/woff'],
  ['wOF2', 'font/woff2'],
  ['OTTO', 'font/otf'],
  ['\0\x01\0\0', 'font/ttf'],
  ['ustar', 'application/x-tar', 257],
  ['SQLite format 3\0', 'application/vnd.sqlite3'],
]
const HTML =
  /^\s*(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p)[\s>]/is
/** So many bytes are looked at. */
export const SNIFF_BYTES = 3072

/** Returns the type of a file by its first bytes. */
export function typeByBytes(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'text/plain'
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, SNIFF_BYTES))
  const latin1 = head.toString('latin1')
  for (const [start, type, at = 0] of MAGIC) if (latin1.startsWith(start, at)) return type
  if (/[\0-\x08\x0b\x0e-\x1a\x1c-\x1f]/.test(latin1)) return 'application/octet-stream'
  if (HTML.test(latin1)) return 'text/html'
  if (/^\s*<\?xml[\s>]/.test(latin1)) return /<svg[\s>]/.test(latin1) ? 'image/svg+xml' : 'text/xml; charset=utf-8'
  if (/^\s*<svg[\s>]/.test(latin1)) return 'image/svg+xml'
  if (/^\s*[[{]/.test(latin1) && bytes.length <= SNIFF_BYTES && isJson(head)) return 'application/json'
  return isUtf8(head, bytes.length > head.length) ? 'text/plain; charset=utf-8' : 'application/octet-stream'
}

function isJson(head: Buffer): boolean {
  try {
    JSON.parse(head.toString('utf8'))
    return true
  } catch {
    return false // Then it is some other text.
  }
}

function isUtf8(head: Uint8Array, isCut: boolean): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: isCut })
    return true
  } catch {
    return false // The bytes say what they are not.
  }
}
