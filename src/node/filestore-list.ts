import { relative } from 'node:path'
import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import type { FileBlock, FileState } from '../repo/filestore.ts'
import type { Repo, Waiting } from '../repo/roles.ts'
import { parseCid } from './cid.ts'
import { filestoreRoot, requireFilestore } from './importer/file-place.ts'

/** Kubo's RPC value for a block of the filestore. */
export interface FilestoreRecord {
  readonly Status: number
  readonly ErrorMsg: string
  readonly Key: { readonly '/': string } | null
  /** Relative to the folder that the repo lies in. */
  readonly FilePath: string
  readonly Offset: number
  readonly Size: number
}

const STATUS: Readonly<Record<FileState, number>> = { ok: 0, error: 10, 'no-file': 11, changed: 12 }
const STATUS_OTHER = 20
const STATUS_MISSING = 30

export interface FilestoreListing extends Waiting {
  /** CIDs in text; none: all blocks. Blocks that were named are always read. */
  readonly named: readonly string[]
  readonly fileOrder: boolean
  /** Reads the blocks, and tells what became of them. */
  readonly verify: boolean
  /** Forgets blocks whose bytes are not there any more. */
  readonly removeBad: boolean
}

/** Yields blocks that lie in files of the user. Throws when the filestore is not enabled. */
export async function* listFilestore(repo: Repo, options: FilestoreListing): AsyncIterable<FilestoreRecord> {
  const { filestore } = repo
  const root = filestoreRoot(repo)
  await requireEnabled(repo)
  const report = async (cid: CID, block: FileBlock | undefined, reads: boolean): Promise<FilestoreRecord> => {
    const record = await recordOf(repo, { cid, block, root, reads })
    const isBad = record.Status !== STATUS.ok && record.Status !== STATUS_OTHER
    if (options.removeBad && isBad) await filestore.remove(cid, options)
    return record
  }
  for (const text of options.named) {
    const cid = parseOrTell(text)
    if (typeof cid === 'string') {
      yield { Status: STATUS_OTHER, ErrorMsg: cid, Key: null, FilePath: '', Offset: 0, Size: 0 }
    } else yield await report(cid, await filestore.get(cid, options), true)
  }
  if (options.named.length > 0) return
  for await (const block of filestore.list(options)) yield await report(block.cid, block, options.verify)
}

const LOOK_UPS_AT_ONCE = 500

/** Yields the CIDs of blocks that lie in files and in the repo itself. */
export async function* listDuplicates(repo: Repo, options: Waiting): AsyncIterable<CID> {
  await requireEnabled(repo)
  let some: FileBlock[] = []
  const duplicates = async (): Promise<FileBlock[]> => await repo.filestore.alsoStored(some.splice(0), options)
  for await (const block of repo.filestore.list(options)) {
    if (some.push(block) >= LOOK_UPS_AT_ONCE) for (const { cid } of await duplicates()) yield cid
  }
  some = await duplicates()
  for (const { cid } of some) yield cid
}

async function requireEnabled(repo: Repo): Promise<void> {
  requireFilestore(await repo.config.read(), 'filestore is not enabled, see https://git.io/vNItf')
}

function parseOrTell(text: string): CID | string {
  try {
    return parseCid(text)
  } catch (error) {
    if (error instanceof Failure) return `${text}: ${error.message}`
    throw error
  }
}

async function recordOf(
  { filestore }: Repo,
  {
    cid,
    block,
    root,
    reads,
  }: { readonly cid: CID; readonly block: FileBlock | undefined; readonly root: string; readonly reads: boolean },
): Promise<FilestoreRecord> {
  const key = { '/': (block?.cid ?? cid).toString() }
  if (block === undefined) {
    const text = `ipld: could not find ${cid}`
    return { Status: STATUS_MISSING, ErrorMsg: text, Key: key, FilePath: '', Offset: 0, Size: 0 }
  }
  const { state, reason } = reads ? await filestore.check(block) : { state: 'ok' as const, reason: '' }
  const { path, offset, size } = block
  return {
    Status: STATUS[state],
    ErrorMsg: reason,
    Key: key,
    FilePath: relative(root, path),
    Offset: offset,
    Size: size,
  }
}
