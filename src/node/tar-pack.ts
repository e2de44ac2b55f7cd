import { Failure } from '../contract/failure.ts'
import { Breath } from '../repo/pause.ts'
import { ReadMemory } from '../repo/read-memory.ts'
import type { Block, Blocks, Waiting } from '../repo/roles.ts'
import type { PbLink } from './dag-pb.ts'
import { listDirectory } from './directory.ts'
import { readFile } from './file-reader.ts'
import type { KeptFiles } from './kept-files.ts'
import {
  ENTRY_PATH_LENGTH_MAX,
  encodeTarHeader,
  paddingOf,
  TAR_BLOCK_BYTES,
  type TarHeader,
  type TarTime,
} from './tar.ts'
import { type DirectoryEntry, entryOf, type FileEntry, openEntry, type UnixfsEntry } from './unixfs-entry.ts'

/** Small pieces are put together up to this size. */
const PIECE_BYTES = 64 * 1024
/** In folders below this depth entries are read one by one, so that what is read ahead stays bounded. */
const AHEAD_DEPTH_MAX = 8
const MODES = { file: 0o644, directory: 0o755, symlink: 0o777 } as const

type PackBlocks = Pick<Blocks, 'get' | 'getMany'>

export interface TarOptions extends Waiting {
  /** Times to the nanosecond, which only newer programs read. */
  readonly nanoseconds: boolean
  /** The CIDs of files of more than one block. */
  readonly cids?: boolean
  /** Is asked before blocks of what lies at a path of the archive are read: it may have them. */
  readonly kept?: Pick<KeptFiles, 'block' | 'file'> | undefined
  /** So many pieces of the archive are looked at at a time. Absent: they are kept. */
  readonly heldPieces?: number | undefined
}

/**
 * Yields a tar archive of an entry and all below it, a folder before what lies in it. `name` is that of the root.
 * Names that could lead out of it are refused.
 */
export async function* packTar(
  blocks: PackBlocks,
  root: UnixfsEntry,
  name: string,
  options: TarOptions,
): AsyncIterable<Uint8Array> {
  const writer = new Writer(options)
  const breath = new Breath()
  const folders: Folder[] = []
  try {
    let next: { entry: UnixfsEntry; name: string } | undefined = { entry: root, name }
    for (;;) {
      if (next !== undefined) {
        const { entry, name: path } = next
        yield* writer.add(blocks, entry, path)
        if (entry.kind === 'directory') folders.push(new Folder(blocks, entry, path, folders.length, options))
      }
      const folder = folders.at(-1)
      if (folder === undefined) break
      next = await folder.next()
      if (next === undefined) await folders.pop()?.close()
      if (breath.due) await breath.take(options.signal)
    }
    yield* writer.end()
  } finally {
    for (const folder of folders) await folder.close()
  }
}

/** A folder whose entries are being packed. */
class Folder {
  readonly #blocks: PackBlocks
  readonly #path: string
  readonly #options: Pick<TarOptions, 'signal' | 'kept'>
  readonly #links: AsyncIterator<PbLink>
  /** Entries whose blocks are being read. */
  readonly #asked: PbLink[] = []
  readonly #read: AsyncIterator<Block> | undefined

  constructor(blocks: PackBlocks, entry: DirectoryEntry, path: string, depth: number, options: TarOptions) {
    this.#blocks = blocks
    this.#path = path
    this.#options = { signal: options.signal, kept: options.kept }
    this.#links = listDirectory(blocks, entry.node, entry.unixfs, this.#options)[Symbol.asyncIterator]()
    if (depth < AHEAD_DEPTH_MAX) {
      // What is there at once is looked up at once.
      const isPlain = entry.unixfs.type !== 'hamt-sharded-directory' && options.kept === undefined
      const cids = isPlain ? this.#plainCids(entry.node.links) : this.#cids()
      this.#read = blocks.getMany(cids, this.#options)[Symbol.asyncIterator]()
    }
  }

  *#plainCids(links: readonly PbLink[]) {
    for (const link of links) {
      this.#asked.push(link)
      yield link.cid
    }
  }

  async *#cids() {
    for (;;) {
      const next = await this.#links.next()
      if (next.done === true) return
      this.#asked.push(next.value)
      await this.#options.kept?.block(next.value.cid, `${this.#path}/${next.value.name}`)
      yield next.value.cid
    }
  }

  async next(): Promise<{ entry: UnixfsEntry; name: string } | undefined> {
    const link = await this.#nextLink()
    if (link === undefined) return undefined
    checkName(link.link.name)
    const { cid, name } = link.link
    if (this.#path.length + name.length >= ENTRY_PATH_LENGTH_MAX) throw tooDeep(this.#path)
    const entry = link.bytes === undefined ? undefined : entryOf(cid, link.bytes)
    return {
      entry: entry ?? (await openEntry(this.#blocks, cid, this.#options)),
      name: `${this.#path}/${name}`,
    }
  }

  async #nextLink(): Promise<{ link: PbLink; bytes: Uint8Array | undefined } | undefined> {
    if (this.#read === undefined) {
      const next = await this.#links.next()
      return next.done === true ? undefined : { link: next.value, bytes: undefined }
    }
    const next = await this.#read.next()
    if (next.done === true) return undefined
    const link = this.#asked.shift()
    if (link === undefined) throw new Error('getMany yielded more blocks than were asked for')
    return { link, bytes: next.value.bytes }
  }

  async close(): Promise<void> {
    await this.#read?.return?.()
    await this.#links.return?.()
  }
}

function tooDeep(path: string): Failure {
  const message = `${path.slice(0, 64)}…: folders are nested so deep that a path is longer than ${ENTRY_PATH_LENGTH_MAX}`
  return new Failure('failed', message, { hint: 'save the DAG as it is with: tsipfs dag export' })
}

function checkName(name: string): void {
  if (name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name)) return
  throw new Failure('failed', `a folder has an entry that no file system can hold: ${JSON.stringify(name)}`, {
    hint: 'save the DAG as it is with: tsipfs dag export',
  })
}

class Writer {
  readonly #options: TarOptions
  #small: Uint8Array[] = []
  #smallBytes = 0
  readonly #memory: ReadMemory | undefined
  readonly #now = { seconds: Math.floor(Date.now() / 1000), nanoseconds: 0 }

  constructor(options: TarOptions) {
    this.#options = options
    this.#memory = options.heldPieces === undefined ? undefined : new ReadMemory(options.heldPieces)
  }

  async *add(blocks: PackBlocks, entry: UnixfsEntry, name: string): AsyncIterable<Uint8Array> {
    if (entry.kind === 'file') await this.#options.kept?.file(entry.root, name)
    const size = entry.kind === 'file' ? await sizeOf(blocks, entry, this.#options) : 0
    const header: TarHeader = {
      name,
      type: entry.kind,
      size,
      mode: entry.mode ?? MODES[entry.kind],
      mtime: timeOf(entry) ?? this.#now,
      target: entry.kind === 'symlink' ? entry.target : undefined,
      cid:
        this.#options.cids === true && entry.kind === 'file' && entry.root.links.length > 0
          ? String(entry.cid)
          : undefined,
    }
    yield* this.#write(encodeTarHeader(header, this.#options))
    if (entry.kind !== 'file') return
    const { signal } = this.#options
    const memory = this.#memory
    for await (const piece of readFile(blocks, entry.root, { signal, memory })) {
      // What waits for others would be overwritten.
      yield* this.#write(memory !== undefined && piece.length < PIECE_BYTES ? piece.slice() : piece)
    }
    yield* this.#write(new Uint8Array(paddingOf(size)))
  }

  *end(): Iterable<Uint8Array> {
    yield* this.#write(new Uint8Array(2 * TAR_BLOCK_BYTES))
    yield* this.#flush()
  }

  *#write(bytes: Uint8Array): Iterable<Uint8Array> {
    if (bytes.length < PIECE_BYTES) {
      if (bytes.length === 0) return
      this.#small.push(bytes)
      this.#smallBytes += bytes.length
      if (this.#smallBytes >= PIECE_BYTES) yield* this.#flush()
      return
    }
    yield* this.#flush()
    yield bytes
  }

  *#flush(): Iterable<Uint8Array> {
    const [first] = this.#small
    if (first === undefined) return
    yield this.#small.length === 1 ? first : Buffer.concat(this.#small)
    this.#small = []
    this.#smallBytes = 0
  }
}

function timeOf({ mtime }: UnixfsEntry): TarTime | undefined {
  // What no file system can store is not kept.
  if (mtime === undefined || typeof mtime.seconds === 'bigint') return undefined
  return { seconds: mtime.seconds, nanoseconds: mtime.nanoseconds ?? 0 }
}

/** Returns the size of a file; one that does not tell is read to its end for it. */
async function sizeOf(blocks: PackBlocks, { root, size }: FileEntry, options: Waiting): Promise<number> {
  if (!Number.isNaN(size)) return size
  let total = 0
  for await (const piece of readFile(blocks, root, { signal: options.signal })) total += piece.length
  return total
}
