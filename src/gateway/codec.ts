import type { CID } from 'multiformats/cid'
import { CODECS, decodeNode, encodeNode } from '../node/codecs.ts'
import { encodeJson } from '../node/dag-json.ts'
import { codecName } from '../node/multicodec.ts'
import { type Answer, escapeHtml, GatewayError, redirect } from './answer.ts'
import { checkRange, contentAnswer } from './content.ts'
import { cacheControl, disposition, nodePageTag, rootsHeader, tagOf, wantedName } from './headers.ts'
import type { Target } from './resolve.ts'
import type { Visit } from './visit.ts'

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  json: 'application/json',
  cbor: 'application/cbor',
  'dag-json': 'application/vnd.ipld.dag-json',
  'dag-cbor': 'application/vnd.ipld.dag-cbor',
}
/** The formats in which a codec's block can be sent as it is. */
const AS_IT_IS: Readonly<Record<number, readonly string[]>> = {
  [CODECS.json]: ['json'],
  [CODECS.cbor]: ['cbor'],
  [CODECS['dag-json']]: ['dag-json', 'json'],
  [CODECS['dag-cbor']]: ['dag-cbor', 'cbor'],
}
const SHOWN_BYTES_MAX = 256 * 1024

/** Returns whether blocks of this CID are documents: JSON or CBOR. */
export function isDocument(cid: CID): boolean {
  return Object.hasOwn(AS_IT_IS, cid.code)
}

/** Answers with a document, in the format that was asked for where that is its own or conversion is allowed. */
export async function codecAnswer(visit: Visit, target: Target): Promise<Answer> {
  const { request, node, path, format, waiting, config } = visit
  const { cid } = target
  if (target.remainder.length > 0) throw notALink(target)
  const name = format.name === '' || format.name === undefined ? (AS_IT_IS[cid.code]?.[0] ?? '') : format.name
  const isJson = name.endsWith('json')
  const kind = isJson && request.query.get('download') !== 'true' ? 'inline' : 'attachment'
  const headers: Record<string, string> = {
    ...rootsHeader(target),
    ...cacheControl(path),
    Etag: tagOf(cid, name),
    ...disposition(kind, wantedName(request) ?? `${cid}.${isJson ? 'json' : 'cbor'}`),
    'Content-Type': MEDIA_TYPES[name] ?? 'application/octet-stream',
    'X-Content-Type-Options': 'nosniff',
  }
  if (format.name === '' && wantsPage(visit, cid)) return await pageAnswer(visit, target, headers)
  const isOwn = AS_IT_IS[cid.code]?.includes(name) === true
  if (!isOwn && !name.startsWith('dag-')) {
    throw new GatewayError(400, 'converting to requested format is not supported', headers)
  }
  if (!isOwn && !config.convertsCodecs) {
    throw new GatewayError(
      406,
      `format "${MEDIA_TYPES[name]}" requested but block has codec "${codecName(cid.code)}": codec conversion is not supported, fetch raw block with ?format=raw and convert client-side`,
      headers,
    )
  }
  checkRange(request)
  const block = await node.blocks.get(cid, waiting)
  const code = name === 'dag-json' ? CODECS['dag-json'] : CODECS['dag-cbor']
  const bytes = isOwn ? block : await encodeNode(code, await decodeNode(cid, block))
  return contentAnswer(request, {
    size: bytes.length,
    headers,
    read: (start, length) => bytes.subarray(start, start + length),
  })
}

function notALink(target: Target): GatewayError {
  const { cid, remainder } = target
  const rest = `/${remainder.join('/')}`
  return new GatewayError(
    501,
    `"${rest}" of "/ipfs/${cid}${rest}" could not be returned: reading IPLD Kinds other than Links (CBOR Tag 42) is not implemented: try reading "/ipfs/${cid}" instead`,
    rootsHeader(target),
  )
}

function wantsPage({ request }: Visit, cid: CID): boolean {
  const isDag = cid.code === CODECS['dag-json'] || cid.code === CODECS['dag-cbor']
  return isDag && request.headers.accept?.includes('text/html') === true && request.query.get('download') !== 'true'
}

/** Answers a browser with a page that shows the document. */
async function pageAnswer(visit: Visit, target: Target, headers: Readonly<Record<string, string>>): Promise<Answer> {
  const { request, node, path, waiting } = visit
  if (!request.urlPath.endsWith('/')) {
    const query = request.rawQuery === '' ? '' : `?${request.rawQuery}`
    return redirect(301, `${request.urlPath}/${query}`, rootsHeader(target))
  }
  const bytes = encodeJson(await decodeNode(target.cid, await node.blocks.get(target.cid, waiting)))
  const text = Buffer.from(bytes.subarray(0, SHOWN_BYTES_MAX)).toString('utf8')
  const title = escapeHtml(path.text)
  const { 'Content-Disposition': _, 'Cache-Control': __, ...kept } = headers
  return {
    status: 200,
    headers: { ...kept, Etag: nodePageTag(target.cid), 'Content-Type': 'text/html' },
    body: `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>${title}</title></head>
<body>
<h1>${title}</h1>
<p>${target.cid} · ${codecName(target.cid.code)} · <a href="?format=raw">raw block</a></p>
<pre style="white-space:pre-wrap;overflow-wrap:anywhere">${escapeHtml(text)}</pre>
</body>
</html>
`,
  }
}
