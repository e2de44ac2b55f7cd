import { CID } from 'multiformats/cid'
import { errorCode, Failure, systemFailure } from '../contract/failure.ts'
import { type BlockIndex, PACK_OF_FILES } from './block-index.ts'
import type { Checker } from './check.ts'
import type { Waiting } from './roles.ts'
import type { State } from './state.ts'

/** A block whose bytes lie in a file of the user. */
export interface FileBlock {
  readonly cid: CID
  /** Absolute path. */
  readonly path: string
  readonly offset: number
  readonly size: number
}

/** What became of the bytes of a block: `error` when the system refuses to read them. */
export type FileState = 'ok' | 'no-file' | 'changed' | 'error'

const LIST_ROWS = 1000

/** Blocks that were added without copying: the index says in which file of the user, and where in it, their bytes lie. */
export class Filestore {
  readonly #state: State
  readonly #index: BlockIndex
  readonly #checker: Checker

  constructor(state: State, index: BlockIndex, checker: Checker) {
    this.#state = state
    this.#index = index
    this.#checker = checker
  }

  /**
   * Stores where blocks lie; at most a few thousand at once. A block that the repo holds itself stays as it is, one
   * that lay elsewhere in a file is moved. `epoch` is the run's (`Repo.epoch`). Durable when it returns.
   */
  async put(blocks: readonly FileBlock[], epoch: number, options: Waiting = {}): Promise<void> {
    await this.#state.write(() => {
      for (const { cid, path, offset, size } of blocks) {
        const hash = cid.multihash.bytes
        const there = this.#index.find(hash)
        if (there !== undefined && there.pack !== PACK_OF_FILES) {
          this.#index.refresh(hash, epoch, false)
          continue
        }
        this.#state.run(
          `INSERT INTO file_blocks(hash, path, offset, length, cid) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT(hash) DO UPDATE SET path = excluded.path, offset = excluded.offset, length = excluded.length`,
          hash,
          path,
          offset,
          size,
          cid.bytes,
        )
        this.#index.replace({ hash, place: { pack: PACK_OF_FILES, offset, length: size }, leaf: false }, epoch)
      }
    }, options)
  }

  /** Returns where a block lies; undefined when no file holds it. */
  async get(cid: CID, options: Waiting = {}): Promise<FileBlock | undefined> {
    return await this.#state.read(() => this.#find(cid.multihash.bytes), options)
  }

  /** Yields all, in the order of multihashes, or of files and offsets. */
  async *list(options: Waiting & { fileOrder?: boolean } = {}): AsyncIterable<FileBlock> {
    const byFile = options.fileOrder === true
    let last: readonly unknown[] = ['', -1, new Uint8Array()]
    for (;;) {
      options.signal?.throwIfAborted()
      const [path, offset, hash] = last as [string, number, Uint8Array]
      const rows = await this.#state.read(() =>
        byFile
          ? this.#state.rows(
              `SELECT path, offset, hash, length, cid FROM file_blocks WHERE (path, offset, hash) > (?, ?, ?)
               ORDER BY path, offset, hash LIMIT ${LIST_ROWS}`,
              path,
              offset,
              hash,
            )
          : this.#state.rows(
              `SELECT path, offset, hash, length, cid FROM file_blocks WHERE hash > ? ORDER BY hash LIMIT ${LIST_ROWS}`,
              hash,
            ),
      )
      for (const row of rows) {
        last = row
        yield toFileBlock(row)
      }
      if (rows.length < LIST_ROWS) return
    }
  }

  /** Returns true when no block lies in a file of the user. To be called inside `State.read` or `State.write`. */
  get isEmpty(): boolean {
    return this.#state.row('SELECT 1 FROM file_blocks LIMIT 1') === undefined
  }

  /** Removes the row of a block. To be called inside `State.write`. */
  forget(hash: Uint8Array): void {
    this.#state.run('DELETE FROM file_blocks WHERE hash = ?', hash)
  }

  /** Returns the bytes of a block, or what is wrong with them. */
  async readChecked(cid: CID, length: number): Promise<Uint8Array | string> {
    const block = await this.get(cid)
    if (block === undefined) return 'nothing says in which file it lies'
    const bytes = await readFile(block, length)
    if (bytes === undefined) return `${block.path} is missing`
    if (bytes.length < length) return `${block.path} is too short`
    return (await this.#checker.matches(cid, bytes)) ? bytes : `${block.path} was changed`
  }

  /** Reads the bytes of a block; returns what became of them, with a reason where they are not what they were. */
  async check(block: FileBlock): Promise<{ readonly state: FileState; readonly reason: string }> {
    let bytes: Uint8Array | undefined
    try {
      bytes = await readFile(block, block.size)
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      return { state: 'error', reason: error.message }
    }
    if (bytes === undefined) return { state: 'no-file', reason: `open ${block.path}: no such file or directory` }
    const isSame = bytes.length === block.size && (await this.#checker.matches(block.cid, bytes))
    if (isSame) return { state: 'ok', reason: '' }
    return { state: 'changed', reason: `data in file did not match. ${block.path} offset ${block.offset}` }
  }

  /** Forgets where a block lies; a copy that the repo holds itself stays. Returns false when no file held it. */
  async remove(cid: CID, options: Waiting = {}): Promise<boolean> {
    const hash = cid.multihash.bytes
    return await this.#state.write(() => {
      if (this.#find(hash) === undefined) return false
      this.forget(hash)
      if (this.#index.find(hash)?.pack === PACK_OF_FILES) this.#index.delete(hash)
      return true
    }, options)
  }

  /** Returns those of the blocks that the repo holds itself, too. */
  async alsoStored(blocks: readonly FileBlock[], options: Waiting = {}): Promise<FileBlock[]> {
    return await this.#state.read(() => {
      const isStored = ({ cid }: FileBlock): boolean => {
        const row = this.#index.find(cid.multihash.bytes)
        return row !== undefined && row.pack !== PACK_OF_FILES
      }
      return blocks.filter(isStored)
    }, options)
  }

  /** Returns the bytes of a block unchecked; undefined when there are none. */
  async read(hash: Uint8Array, length: number): Promise<Uint8Array | undefined> {
    const block = await this.#state.read(() => this.#find(hash))
    return block === undefined ? undefined : await readFile(block, length)
  }

  #find(hash: Uint8Array): FileBlock | undefined {
    const row = this.#state.row('SELECT path, offset, hash, length, cid FROM file_blocks WHERE hash = ?', hash)
    return row === undefined ? undefined : toFileBlock(row)
  }
}

function toFileBlock(row: readonly unknown[]): FileBlock {
  const [path, offset, , size, cid] = row as [string, number, Uint8Array, number, Uint8Array]
  return { cid: CID.decode(cid), path, offset, size }
}

async function readFile(block: FileBlock, length: number): Promise<Uint8Array | undefined> {
  const { open } = await import('node:fs/promises')
  try {
    await using file = await open(block.path, 'r')
    const bytes = new Uint8Array(length)
    let done = 0
    while (done < length) {
      const { bytesRead } = await file.read(bytes, done, length - done, block.offset + done)
      if (bytesRead === 0) break
      done += bytesRead
    }
    return bytes.subarray(0, done)
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined
    throw systemFailure(error, block.path)
  }
}
