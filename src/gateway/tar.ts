import { packTar } from '../node/tar-pack.ts'
import { openEntry } from '../node/unixfs-entry.ts'
import { type Answer, GatewayError } from './answer.ts'
import { cacheControl, disposition, rootsHeader, tagOf, wantedName } from './headers.ts'
import type { Target } from './resolve.ts'
import type { Visit } from './visit.ts'

const DAG_PB = 0x70
const RAW = 0x55

/** Answers with a file or folder as a tar archive. */
export async function tarAnswer({ request, node, path, waiting }: Visit, target: Target): Promise<Answer> {
  if (target.cid.code !== DAG_PB && target.cid.code !== RAW) {
    throw new GatewayError(500, `failed to resolve ${path.text}: unknown node type`)
  }
  const entry = await openEntry(node.blocks, target.cid, waiting)
  const headers: Record<string, string> = {
    ...rootsHeader(target),
    ...cacheControl(path),
    Etag: tagOf(target.cid, 'tar'),
    ...disposition('attachment', wantedName(request) ?? `${target.cid}.tar`),
    'Content-Type': 'application/x-tar',
    'X-Content-Type-Options': 'nosniff',
  }
  if (request.method === 'HEAD') return { status: 200, headers }
  return {
    status: 200,
    headers,
    body: packTar(node.blocks, entry, target.cid.toString(), { nanoseconds: false, ...waiting }),
  }
}
