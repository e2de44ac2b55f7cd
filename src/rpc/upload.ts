import { Failure } from '../contract/failure.ts'
import { goMode, permissionsOf } from '../contract/go-mode.ts'
import type { SourceEntry, UnorderedSource } from '../contract/source.ts'
import { nameFromBytes } from '../contract/surrogate-escape.ts'
import { oneChunk, type Part, parseMultipart, partsOfWhole } from './multipart.ts'
import { decodeQuery, percentDecodeBytes, percentEncode } from './query.ts'

const SYMLINK_BYTES_MAX = 64 * 1024
const FOLDERS_MAX = 1_000_000
const NAME_BYTES_MAX = 64 * 1024

/** A body that is written while it is read. */
export interface Upload {
  readonly contentType: string
  readonly body: AsyncIterable<Uint8Array>
}

/**
 * Returns entries as a multipart body, one part each, as Kubo's clients write it. `tellsPaths` adds where a file lies
 * on this machine, for a node on the same one.
 */
export function writeUpload(entries: AsyncIterable<SourceEntry>, options: { tellsPaths: boolean }): Upload {
  const boundary = Buffer.from(crypto.getRandomValues(new Uint8Array(30))).toString('hex')
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    body: writeParts(entries, boundary, options.tellsPaths),
  }
}

async function* writeParts(
  entries: AsyncIterable<SourceEntry>,
  boundary: string,
  tellsPaths: boolean,
): AsyncGenerator<Uint8Array> {
  for await (const entry of entries) {
    const headers = [
      `Content-Disposition: form-data; name="file${metadata(entry)}"; filename="${percentEncode(entry.path)}"`,
      `Content-Type: ${CONTENT_TYPES[entry.type]}`,
    ]
    if (tellsPaths && entry.localPath !== undefined) headers.push(`Abspath-Encoded: ${percentEncode(entry.localPath)}`)
    yield Buffer.from(`--${boundary}\r\n${headers.join('\r\n')}\r\n\r\n`)
    if (entry.type === 'symlink') yield Buffer.from(percentDecodeBytes(percentEncode(entry.target ?? '')) ?? [])
    else if (entry.type === 'file' && entry.content !== undefined) yield* entry.content()
    yield Buffer.from('\r\n')
  }
  yield Buffer.from(`--${boundary}--\r\n`)
}

const CONTENT_TYPES: Readonly<Record<SourceEntry['type'], string>> = {
  file: 'application/octet-stream',
  directory: 'application/x-directory',
  symlink: 'application/symlink',
}

/** Mode and time of modification ride in the name of the form field. */
function metadata({ type, mode, mtime }: SourceEntry): string {
  const fields: string[] = []
  if (mode !== undefined) fields.push(`mode=0${goMode(mode, type).toString(8)}`)
  if (mtime !== undefined) {
    fields.push(`mtime=${mtime.seconds}`)
    if (mtime.nanoseconds > 0) fields.push(`mtime-nsecs=${mtime.nanoseconds}`)
  }
  return fields.length === 0 ? '' : `?${fields.join('&')}`
}

/** A body that comes piece by piece, or is taken as a whole. */
export type UploadBody = AsyncIterable<Uint8Array> | { whole(): Promise<Buffer> }

/**
 * Returns the entries of a multipart body as it arrives, in the order of the client: not every one sends a folder at a
 * time. Folders that are only named by what lies in them come before it. `trustsPaths` takes a caller's word for where
 * a file lies on this machine: for callers that may read it anyway.
 */
export function readUpload(body: UploadBody, boundary: string, options: { trustsPaths: boolean }): UnorderedSource {
  return { isUnordered: true, [Symbol.asyncIterator]: () => readEntries(body, boundary, options.trustsPaths) }
}

async function* readEntries(body: UploadBody, boundary: string, trustsPaths: boolean): AsyncGenerator<SourceEntry> {
  const folders = new Set<string>()
  for await (const part of await partsOf(body, boundary)) {
    const entry = await toEntry(part, trustsPaths)
    yield* missingFolders(entry.path, folders)
    if (entry.type === 'directory') {
      if (entry.path === '' || folders.has(entry.path)) continue
      remember(entry.path, folders)
    }
    yield entry
  }
}

async function partsOf(body: UploadBody, boundary: string): Promise<Iterable<Part> | AsyncIterable<Part>> {
  if (!('whole' in body)) return parseMultipart(body, boundary)
  const whole = await body.whole()
  return partsOfWhole(whole, boundary) ?? parseMultipart(oneChunk(whole), boundary)
}

function* missingFolders(path: string, folders: Set<string>): Generator<SourceEntry> {
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
    const folder = path.slice(0, at)
    if (folders.has(folder)) continue
    remember(folder, folders)
    yield { path: folder, type: 'directory' }
  }
}

function remember(folder: string, folders: Set<string>): void {
  if (folders.size >= FOLDERS_MAX) throw new Failure('usage', `an upload has at most ${FOLDERS_MAX} folders`)
  folders.add(folder)
}

async function toEntry(part: Part, trustsPaths: boolean): Promise<SourceEntry> {
  const disposition = parseDisposition(part.headers.get('content-disposition') ?? '')
  const path = cleanPath(disposition.filename ?? '')
  const metadata = parseMetadata(disposition.name ?? '')
  const type = (part.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase()
  const common = { path, ...metadata }
  if (type === CONTENT_TYPES.directory) return { ...common, type: 'directory' }
  if (type === CONTENT_TYPES.symlink)
    return { ...LINK_MODE, ...common, type: 'symlink', target: await readTarget(part) }
  return { ...common, type: 'file', localPath: trustsPaths ? localPath(part) : undefined, content: part.content }
}

const USUAL_DISPOSITION = /^form-data; name="([^"\\]*)"; filename="([^"\\]*)"$/

/** A symbolic link has this mode when its part tells none. */
const LINK_MODE = { mode: 0o777, sentMode: 0o1000000777 }

/** Returns the parameters of `form-data; name="…"; filename="…"`. */
function parseDisposition(value: string): { name?: string; filename?: string } {
  const usual = USUAL_DISPOSITION.exec(value)
  if (usual !== null) return { name: usual[1] ?? '', filename: usual[2] ?? '' }
  const found: Record<string, string> = {}
  for (const match of value.matchAll(/;\s*([A-Za-z*]+)=(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))/g)) {
    const key = match[1]?.toLowerCase() ?? ''
    const text = match[2]?.replace(/\\(.)/g, '$1') ?? match[3] ?? ''
    if (key === 'name' || key === 'filename') found[key] ??= text
    // RFC 5987: charset'language'percent-encoded.
    if (key === 'filename*') found.filename = text.replace(/^[^']*'[^']*'/, '')
  }
  return found
}

/** Returns a file name decoded and made relative, as Go's `path.Clean("/" + name)` would: nothing leaves the root. */
function cleanPath(filename: string): string {
  if (filename.length > NAME_BYTES_MAX) throw new Failure('usage', 'a file name of the upload is too long')
  const bytes = percentDecodeBytes(filename)
  const name = bytes === undefined ? filename : nameFromBytes(bytes)
  const clean: string[] = []
  for (const segment of name.split('/')) {
    if (segment === '..') clean.pop()
    else if (segment !== '' && segment !== '.') clean.push(segment)
  }
  return clean.join('/')
}

function parseMetadata(field: string): Pick<SourceEntry, 'mode' | 'sentMode' | 'mtime'> {
  const at = field.indexOf('?')
  if (at < 0) return {}
  const values = new Map(decodeQuery(field.slice(at + 1)))
  const mode = values.get('mode') ?? ''
  const sentMode = /^0{0,9}[0-3]?[0-7]{1,10}$/.test(mode) ? Number.parseInt(mode, 8) : undefined
  const known = sentMode === undefined ? {} : { mode: permissionsOf(sentMode), sentMode }
  return { ...known, mtime: timeOf(values.get('mtime') ?? '0', values.get('mtime-nsecs') ?? '0') }
}

/** A part that tells anything of its file tells its time as well: what it leaves out of that is 0. */
function timeOf(mtime: string, nsecs: string): SourceEntry['mtime'] {
  const seconds = Number(mtime || Number.NaN)
  const fraction = Number(nsecs || Number.NaN)
  if (!Number.isSafeInteger(seconds)) return undefined
  const nanoseconds = Number.isSafeInteger(fraction) ? fraction : 0
  const more = Math.floor(nanoseconds / 1e9)
  return { seconds: seconds + more, nanoseconds: nanoseconds - more * 1e9 }
}

async function readTarget(part: Part): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of part.content()) {
    size += chunk.length
    if (size > SYMLINK_BYTES_MAX) throw new Failure('usage', 'the target of a symbolic link is too long')
    chunks.push(chunk)
  }
  return nameFromBytes(Buffer.concat(chunks))
}

function localPath(part: Part): string | undefined {
  const encoded = part.headers.get('abspath-encoded')
  const bytes = encoded === undefined ? undefined : percentDecodeBytes(encoded)
  const path = bytes === undefined ? part.headers.get('abspath') : nameFromBytes(bytes)
  return path?.startsWith('/') ? path : undefined
}
