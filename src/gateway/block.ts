import { CID } from 'multiformats/cid'
import type { Answer } from './answer.ts'
import { checkRange, contentAnswer } from './content.ts'
import { cacheControl, disposition, rootsHeader, tagOf, wantedName } from './headers.ts'
import type { Target } from './resolve.ts'
import type { Visit } from './visit.ts'

/** Answers with a block as it is. */
export async function blockAnswer(visit: Visit, target: Target): Promise<Answer> {
  const { request, node, path, waiting } = visit
  checkRange(request)
  const bytes = await node.blocks.get(target.cid, waiting)
  return contentAnswer(request, {
    size: bytes.length,
    headers: {
      ...rootsHeader(target),
      ...disposition('attachment', wantedName(request) ?? `${target.cid}.bin`),
      ...cacheControl(path),
      Etag: tagOf(target.cid, 'raw'),
      'Content-Type': 'application/vnd.ipld.raw',
      'X-Content-Type-Options': 'nosniff',
    },
    read: (start, length) => bytes.subarray(start, start + length),
  })
}

/** The empty block: asking for it is how clients find out whether this is a gateway. */
export const PROBE = CID.parse('bafkqaaa')
