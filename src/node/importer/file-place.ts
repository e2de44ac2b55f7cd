import { dirname, resolve } from 'node:path'
import type { CID } from 'multiformats/cid'
import { Failure } from '../../contract/failure.ts'
import type { SourceEntry } from '../../contract/source.ts'
import type { FileBlock } from '../../repo/filestore.ts'
import type { Blocks, Config, PutOptions, Repo, Waiting } from '../../repo/roles.ts'
import type { FilePart } from '../file-layout.ts'
import { IDENTITY } from '../hash.ts'
import { type CidFormat, cidOfBlock, RAW } from '../mfs/format.ts'
import type { LeafPlace } from './import-file.ts'

/** So many blocks are stored in one transaction. */
const ROWS_MAX = 2048

/** Throws when blocks may not lie in files of the user. `word` is what Kubo says in such a place. */
export function requireFilestore(config: Config, word = 'filestore is not enabled'): void {
  if (isEnabled(config, 'FilestoreEnabled')) return
  if (isEnabled(config, 'UrlstoreEnabled')) {
    throw new Failure('failed', 'filestore is not enabled, and blocks that lie behind URLs are not supported', { hint })
  }
  throw new Failure('failed', word, { hint })
}

const hint = 'enable it with: tsipfs config --json Experimental.FilestoreEnabled true'

function isEnabled({ Experimental: section }: Config, key: string): boolean {
  return typeof section === 'object' && section !== null && key in section && Reflect.get(section, key) === true
}

/** Returns the folder that files have to lie below, as in Kubo: the one that the repo lies in. */
export function filestoreRoot(repo: Pick<Repo, 'path'>): string {
  return dirname(resolve(repo.path))
}

/**
 * Takes the blocks of an `add` that leaves bytes in files of the user (`--nocopy`), or does not copy what lies in one
 * already (`--fscache`).
 */
export class FilePlace implements Pick<Blocks, 'put'> {
  readonly #repo: Repo
  readonly #root: string
  readonly #waiting: Waiting
  #rows: FileBlock[] = []

  constructor(repo: Repo, waiting: Waiting) {
    this.#repo = repo
    this.#root = filestoreRoot(repo)
    this.#waiting = waiting
  }

  /** Puts a block, unless a file holds it already. */
  async put(cid: CID, bytes: Uint8Array, options: PutOptions = {}): Promise<void> {
    const { filestore, blocks } = this.#repo
    if (cid.code === RAW && (await filestore.get(cid, this.#waiting)) !== undefined) {
      const gone = await blocks.protect([cid], this.#waiting)
      if (gone.length === 0) {
        options.release?.()
        return
      }
    }
    await blocks.put(cid, bytes, options)
  }

  /** Returns the place of the leaves of a file: the file itself. Throws when it cannot be referred to. */
  leavesOf(entry: SourceEntry, format: CidFormat): LeafPlace {
    const { localPath } = entry
    if (localPath === undefined) {
      throw new Failure('usage', "missing file path or URL, can't create filestore reference", {
        hint: '--nocopy takes regular files on the machine of the repo',
      })
    }
    if (localPath !== this.#root && !localPath.startsWith(this.#root === '/' ? '/' : `${this.#root}/`)) {
      throw new Failure('failed', `cannot add filestore references outside ipfs root (${this.#root})`, {
        hint: 'the file has to lie below the folder that the repo lies in',
      })
    }
    return { putLeaf: (data, offset) => this.#putLeaf(data, { path: localPath, offset, format }) }
  }

  /** Makes what waits durable. */
  async flush(): Promise<void> {
    await this.flushRows()
    await this.#repo.blocks.flush(this.#waiting)
  }

  /** Makes the references to files durable. */
  async flushRows(): Promise<void> {
    const rows = this.#rows
    this.#rows = []
    if (rows.length > 0) await this.#repo.filestore.put(rows, await this.#repo.epoch(), this.#waiting)
  }

  async #putLeaf(
    data: Uint8Array,
    { path, offset, format }: { readonly path: string; readonly offset: number; readonly format: CidFormat },
  ): Promise<FilePart> {
    const cid = await cidOfBlock(RAW, data, { ...format, version: 1 })
    if (cid.multihash.code !== IDENTITY) this.#rows.push({ cid, path, offset, size: data.length })
    if (this.#rows.length >= ROWS_MAX) await this.flushRows()
    return { cid, size: data.length, fileSize: data.length }
  }
}
