import { CID } from 'multiformats/cid'
import { Failure } from '../../contract/failure.ts'
import { MFS_ROOT_KEY, type Waiting } from '../../repo/roles.ts'
import { decodeDagPb } from '../dag-pb.ts'
import { DirectoryEdit } from '../directory-edit.ts'
import { DIRECTORY_RULES_DEFAULT } from '../directory-size.ts'
import { SHA2_256 } from '../hash.ts'
import type { Node } from '../node.ts'
import { decodeUnixfs } from '../unixfs.ts'
import { DAG_PB } from './format.ts'
import { protectDag } from './source.ts'

/** Makes a folder that is in the repo the root of MFS; without one an empty folder. Returns the old and the new root. */
export async function setMfsRoot(
  node: Node,
  cid: CID | undefined,
  waiting: Waiting,
): Promise<{ old: CID | undefined; root: CID }> {
  const { blocks, values } = node.repo
  const empty = DirectoryEdit.empty(blocks, DIRECTORY_RULES_DEFAULT, { version: 0, hashCode: SHA2_256 })
  const { cid: emptyRoot } = await empty.save()
  const root = cid ?? emptyRoot
  if (!(await blocks.has(root, waiting))) {
    throw new Failure('not-found', `new root ${root} does not exist locally`, {
      hint: `fetch it first with \`tsipfs block get ${root}\``,
    })
  }
  await checkFolder(root, await blocks.get(root, waiting))
  await protectDag(blocks, root, waiting)
  await blocks.flush(waiting)
  const stored = await values.get(MFS_ROOT_KEY)
  await values.put(MFS_ROOT_KEY, root.bytes)
  return { old: stored === undefined ? undefined : cidOf(stored), root }
}

async function checkFolder(root: CID, bytes: Uint8Array): Promise<void> {
  if (root.code !== DAG_PB) throw new Failure('failed', `new root must be a directory, but ${root} is no dag-pb node`)
  const { type } = decodeUnixfs(decodeDagPb(bytes).data ?? new Uint8Array(0))
  if (type === 'directory' || type === 'hamt-sharded-directory') return
  throw new Failure('failed', `new root must be a directory, got ${type}`)
}

/** Returns the CID that was stored; undefined when it is none, which is what this command repairs. */
function cidOf(stored: Uint8Array): CID | undefined {
  try {
    return CID.decode(stored)
  } catch {
    return undefined
  }
}
