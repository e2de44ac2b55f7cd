import type { CID } from 'multiformats/cid'
import { nameToBytes } from '../contract/surrogate-escape.ts'
import { readFile } from '../node/file-reader.ts'
import { openEntry, type UnixfsEntry } from '../node/unixfs-entry.ts'
import { type Answer, GatewayError, redirect } from './answer.ts'
import { checkRange, contentAnswer } from './content.ts'
import { cacheControl, disposition, rootsHeader, tagOf, wantedName } from './headers.ts'
import { listingAnswer } from './listing.ts'
import { SNIFF_BYTES, typeByBytes, typeByName } from './media-type.ts'
import { isNoLink, resolveTarget, type Target } from './resolve.ts'
import type { Visit } from './visit.ts'

/** Answers with a file, or with what a folder shows. */
export async function unixfsAnswer(visit: Visit, target: Target): Promise<Answer> {
  const range = checkRange(visit.request)
  const entry = await openEntry(visit.node.blocks, target.cid, visit.waiting)
  if (entry.kind === 'directory') return await folderAnswer(visit, target, entry)
  const name = visit.path.segments.length === 0 || visit.path.text.split('/').length <= 3 ? '' : lastOf(visit.path.text)
  return await fileAnswer(visit, target, entry, { name, startsAtZero: range.startsAtZero, tag: target.cid })
}

interface FileNaming {
  readonly name: string
  readonly startsAtZero: boolean
  /** What the tag names: of an index.html its folder. */
  readonly tag: CID
  readonly type?: string
}

async function fileAnswer(
  { config, node, request, path, waiting }: Visit,
  target: Target,
  entry: Exclude<UnixfsEntry, { kind: 'directory' }>,
  naming: FileNaming,
): Promise<Answer> {
  if (config.rangeFileBytesMax > 0 && request.headers.range !== undefined && entry.size > config.rangeFileBytesMax) {
    throw new GatewayError(
      501,
      `range requests not supported for files larger than ${config.rangeFileBytesMax} bytes: switch to verifiable block requests (application/vnd.ipld.raw)`,
    )
  }
  const wanted = wantedName(request)
  const read = (offset: number, length: number): AsyncIterable<Uint8Array> | Uint8Array =>
    entry.kind === 'file'
      ? readFile(node.blocks, entry.root, { offset, length, ...waiting })
      : nameToBytes(entry.target).subarray(offset, offset + length)
  let type = entry.kind === 'symlink' ? 'inode/symlink' : (typeByName(wanted ?? naming.name) ?? naming.type)
  // As in Kubo, what begins elsewhere is not read for the sake of its type.
  if (type === undefined && naming.startsAtZero) type = typeByBytes(await head(read(0, SNIFF_BYTES + 1)))
  const download = request.query.get('download') === 'true'
  return contentAnswer(request, {
    size: Number.isNaN(entry.size) ? 0 : entry.size,
    mtime: entry.mtime === undefined ? undefined : Number(entry.mtime.seconds),
    headers: {
      ...rootsHeader(target),
      ...cacheControl(path),
      Etag: tagOf(naming.tag, 'none'),
      ...(wanted === undefined ? {} : disposition(download ? 'attachment' : 'inline', wanted)),
      ...(type === undefined ? {} : { 'Content-Type': type }),
    },
    read,
  })
}

async function head(bytes: AsyncIterable<Uint8Array> | Uint8Array): Promise<Uint8Array> {
  if (bytes instanceof Uint8Array) return bytes
  const pieces: Uint8Array[] = []
  for await (const piece of bytes) pieces.push(piece)
  return Buffer.concat(pieces)
}

async function folderAnswer(
  visit: Visit,
  target: Target,
  entry: Extract<UnixfsEntry, { kind: 'directory' }>,
): Promise<Answer> {
  const { request, node, waiting } = visit
  if (!request.urlPath.endsWith('/') && request.query.get('go-get') !== '1') {
    const query = request.rawQuery === '' ? '' : `?${request.rawQuery}`
    return redirect(301, `${request.urlPath}/${query}`, rootsHeader(target))
  }
  const index = await indexOf(visit, target)
  if (index === undefined) return await listingAnswer(visit, target, entry)
  const file = await openEntry(node.blocks, index, waiting)
  if (file.kind !== 'file') throw new GatewayError(422, 'index.html could not be read: not a file', rootsHeader(target))
  const { startsAtZero } = checkRange(request)
  return await fileAnswer(visit, target, file, {
    name: 'index.html',
    startsAtZero,
    tag: target.cid,
    type: 'text/html',
  })
}

async function indexOf({ node, waiting }: Visit, target: Target): Promise<CID | undefined> {
  try {
    return (await resolveTarget(node, target.cid, ['index.html'], waiting)).cid
  } catch (error) {
    if (isNoLink(error)) return undefined
    throw error
  }
}

function lastOf(path: string): string {
  return (
    path
      .split('/')
      .filter(part => part !== '')
      .at(-1) ?? ''
  )
}
