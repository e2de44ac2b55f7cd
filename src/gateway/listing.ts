import { sizeText } from '../contract/size-text.ts'
import { nameToBytes } from '../contract/surrogate-escape.ts'
import { listDirectory } from '../node/directory.ts'
import type { DirectoryEntry } from '../node/unixfs-entry.ts'
import { type Answer, escapeHtml } from './answer.ts'
import { listingCacheControl, listingTag, rootsHeader } from './headers.ts'
import type { Target } from './resolve.ts'
import type { Visit } from './visit.ts'

const ROWS_BYTES = 16 * 1024
const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em;color:#222}h1{font-size:1.1em;overflow-wrap:anywhere}table{border-collapse:collapse;width:100%}td{padding:.2em .6em;border-top:1px solid #ddd;overflow-wrap:anywhere}td+td{white-space:nowrap;color:#666;font-size:.85em}'

/** Answers with a page that lists a folder. It is sent as the folder is read: a large one costs no memory. */
export async function listingAnswer(visit: Visit, target: Target, entry: DirectoryEntry): Promise<Answer> {
  const headers = {
    ...rootsHeader(target),
    ...listingCacheControl(visit.path),
    Etag: listingTag(target.cid),
    'Content-Type': 'text/html',
  }
  if (visit.request.method === 'HEAD') return { status: 200, headers }
  return { status: 200, headers, body: encoded(page(visit, target, entry)) }
}

async function* page(visit: Visit, target: Target, entry: DirectoryEntry): AsyncIterable<string> {
  const { request, path, node, waiting } = visit
  const title = escapeHtml(shown(path.text))
  yield `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Index of ${title}</h1>
<p>${target.cid} · ${sizeText(entry.size)}</p>
<table>
`
  if (path.text.replace(/\/$/, '').split('/').length > 3)
    yield '<tr><td><a href="..">..</a></td><td></td><td></td></tr>\n'
  for await (const { name, cid, size } of listDirectory(node.blocks, entry.node, entry.unixfs, waiting)) {
    const text = escapeHtml(shown(name))
    const query = `?filename=${escapeHtml(encodeURIComponent(shown(name)))}`
    yield `<tr><td><a href="./${escapeHtml(escapedName(name))}">${text}</a></td><td>${sizeText(size)}</td>` +
      `<td><a href="${escapeHtml(request.gatewayUrl)}/ipfs/${cid}${query}">${cid}</a></td></tr>\n`
  }
  yield '</table>\n</body>\n</html>\n'
}

/** Rows are sent many at a time. */
async function* encoded(texts: AsyncIterable<string>): AsyncIterable<Uint8Array> {
  let batch = ''
  for await (const text of texts) {
    batch += text
    if (batch.length < ROWS_BYTES) continue
    yield Buffer.from(batch, 'utf8')
    batch = ''
  }
  yield Buffer.from(batch, 'utf8')
}

/** Names are bytes: those that are no text are shown as such. */
function shown(name: string): string {
  return name.replace(/[\ud800-\udfff]/g, (_, at: number) => (isPaired(name, at) ? (name[at] ?? '') : '\ufffd'))
}

function isPaired(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  const other = text.charCodeAt(code < 0xdc00 ? at + 1 : at - 1)
  return code < 0xdc00 ? other >= 0xdc00 && other <= 0xdfff : other >= 0xd800 && other <= 0xdbff
}

function escapedName(name: string): string {
  const bytes = nameToBytes(name)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    .toString('latin1')
    .replace(/[^\w.~-]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}
