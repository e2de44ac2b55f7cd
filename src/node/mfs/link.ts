import type { CID } from 'multiformats/cid'
import { Failure } from '../../contract/failure.ts'
import { changeMfs, type MfsNode } from './change.ts'
import { cleanMfsPath, parentOf } from './path.ts'

export interface LinkOptions {
  /** The entry's name when the target is a folder (ends with a slash); its last segment counts. */
  readonly name: string
  /** Makes missing parent folders. */
  readonly parents?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Links a DAG whose blocks this run has put or protected into MFS, as `add --to-files` does: at `target`, or below it
 * when it ends with a slash. Durable when it returns. Throws a Failure when something is there already.
 */
export async function linkIntoMfs(node: MfsNode, target: string, cid: CID, options: LinkOptions): Promise<void> {
  const clean = cleanTarget(target === '' ? '/' : target)
  const asFolder = clean.endsWith('/')
  const name = options.name.slice(options.name.lastIndexOf('/') + 1)
  if (name === '') throw new Failure('failed', 'to-files: cannot add unnamed files to MFS')
  const path = asFolder ? `${clean}${name}` : clean
  const parent = parentOf(path)

  await changeMfs(
    node,
    async tree => {
      if (options.parents === true) await tree.makeFolders(parent)
      const found = await tree.find(parent)
      if (found === undefined) {
        const role = asFolder ? 'destination directory' : 'destination parent'
        throw new Failure(
          'not-found',
          `to-files: MFS ${role} "${asFolder ? clean : parent}" does not exist: file does not exist`,
        )
      }
      if (found.kind !== 'directory') {
        throw new Failure('failed', `to-files: MFS destination "${parent}" is not a directory`)
      }
      await tree.link(path, cid, message => `to-files: cannot put node in path "${path}": ${message}`)
    },
    { signal: options.signal },
  )
}

function cleanTarget(target: string): string {
  try {
    return cleanMfsPath(target)
  } catch (error) {
    if (error instanceof Failure) throw new Failure(error.kind, `to-files: ${error.message}`, { cause: error })
    throw error
  }
}
