import { Failure } from '../../contract/failure.ts'
import type { Waiting } from '../../repo/roles.ts'
import { fileNodeOf } from '../file-node.ts'
import { readFile } from '../file-reader.ts'
import type { Node } from '../node.ts'
import { openMfs } from './change.ts'
import { cleanMfsPath } from './path.ts'
import { missing } from './tree.ts'

/** Yields bytes of a file of MFS. Throws `not-found` when there is none, `failed` when it is none. */
export async function* readMfs(
  node: Node,
  text: string,
  { offset, count }: { readonly offset: number; readonly count: number | undefined },
  waiting: Waiting,
): AsyncGenerator<Uint8Array> {
  const path = cleanMfsPath(text)
  const { tree } = await openMfs(node, waiting)
  const entry = await tree.find(path)
  if (entry === undefined) throw new Failure('not-found', `${path}: ${missing(path).message}`)
  if (entry.kind !== 'file') throw new Failure('failed', `${path} was not a file`)
  const root = fileNodeOf(entry.cid, entry.bytes)
  if (offset > root.size) throw new Failure('failed', `offset was past end of file (${offset} > ${root.size})`)
  yield* readFile(node.blocks, root, { offset, length: count, ...waiting })
}
