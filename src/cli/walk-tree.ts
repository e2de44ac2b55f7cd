import { type BigIntStats, closeSync, fstatSync, lstatSync, readdirSync, readlinkSync, statSync } from 'node:fs'
import { Failure, systemFailure } from '../contract/failure.ts'
import { fileMetadata } from '../contract/file-metadata.ts'
import type { SourceEntry } from '../contract/source.ts'
import { nameFromBytes, nameToBytes } from '../contract/surrogate-escape.ts'
import { descriptorReader, openFile, readDescriptor, readPipe, readWhole, systemPath } from './local-file.ts'

/** What is sent of a tree. */
export interface TreeRules {
  /** Symbolic links are replaced by what they lead to. */
  readonly followsLinks: boolean
  /** Returns true for the name of an entry that is left out, with all below it. Not asked of what was named. */
  readonly excludes: (name: string) => boolean
  /** What is gone by the time that it is come to is left out. */
  readonly skipsMissing?: boolean
  /** Is told of each folder before its entries are looked at. */
  readonly entering?: (path: string, inode: bigint) => void
}

/** A place in the tree. */
interface Place {
  /** Its path in what is sent. */
  readonly name: string
  /** Its path on this machine. */
  readonly path: string
  /** Its path as the user knows it. */
  readonly shown: string
}

/** A folder whose entries are being yielded. */
interface OpenFolder extends Place {
  readonly entries: readonly Entry[]
  /** Which of them comes next. */
  at: number
  readonly device: bigint
  readonly inode: bigint
}

interface Entry {
  readonly name: string
  /** The folder says that it is a regular file. */
  readonly isFile: boolean
}

/** Yields what lies at a place and, of a folder, all below it: each folder before its entries, in the order of bytes. */
export async function* walkTree(named: Place, rules: TreeRules, signal: AbortSignal): AsyncGenerator<SourceEntry> {
  // No recursion: a tree may be deeper than the stack.
  const open: OpenFolder[] = []
  for (let place: NextPlace | undefined = named; place !== undefined; place = nextPlace(open)) {
    signal.throwIfAborted()
    const here = place
    const stat = ifThere(rules, () => openOrStat(here, rules))
    if (stat === undefined) continue
    if (typeof stat === 'number') {
      try {
        yield fileEntry(place, stat)
      } finally {
        closeSync(stat)
      }
    } else if (stat.isDirectory()) {
      if (rules.followsLinks) refuseLoop(place, stat, open)
      rules.entering?.(place.path, stat.ino)
      const entries = ifThere(rules, () => entriesOf(here, rules)) ?? []
      open.push({ ...place, entries, at: 0, device: stat.dev, inode: stat.ino })
      yield { path: place.name, type: 'directory', ...fileMetadata(stat) }
    } else if (stat.isSymbolicLink()) {
      const target = ifThere(rules, () => targetOf(here))
      if (target !== undefined) yield { path: place.name, type: 'symlink', ...fileMetadata(stat), target }
    } else if (stat.isFIFO() && place === named) {
      yield { path: place.name, type: 'file', content: () => readPipe(named.path, named.shown) }
    } else throw unknownType(place)
  }
}

/** Returns the descriptor of a file, else what the system says of a place. */
function openOrStat(place: NextPlace, rules: TreeRules): number | BigIntStats {
  // To open a file first costs less than to ask the system for its path twice, and nothing can come in its place.
  const stat = place.isFile === true && !rules.followsLinks ? undefined : statOf(place, rules)
  if (stat !== undefined && !stat.isFile()) return stat
  return openFile(place.path, place.shown, { followsLinks: rules.followsLinks })
}

function ifThere<T>({ skipsMissing }: TreeRules, work: () => T): T | undefined {
  if (skipsMissing !== true) return work()
  try {
    return work()
  } catch (error) {
    if (error instanceof Failure && error.kind === 'not-found') return undefined
    throw error
  }
}

interface NextPlace extends Place {
  readonly isFile?: boolean
}

function nextPlace(open: OpenFolder[]): NextPlace | undefined {
  for (;;) {
    const folder = open.at(-1)
    if (folder === undefined) return undefined
    const entry = folder.entries[folder.at++]
    if (entry === undefined) {
      open.pop()
      continue
    }
    const { name, isFile } = entry
    return { name: below(folder.name, name), path: below(folder.path, name), shown: below(folder.shown, name), isFile }
  }
}

function unknownType({ shown }: Place): Failure {
  return new Failure('failed', `unrecognized file type for ${shown}: neither file, folder nor symbolic link`)
}

function below(folder: string, entry: string): string {
  return folder === '' ? entry : folder.endsWith('/') ? `${folder}${entry}` : `${folder}/${entry}`
}

function statOf({ path, shown }: Place, { followsLinks }: TreeRules): BigIntStats {
  const options = { bigint: true } as const
  try {
    return followsLinks ? statSync(systemPath(path), options) : lstatSync(systemPath(path), options)
  } catch (error) {
    throw systemFailure(error, shown)
  }
}

/** Returns the entry of a file that is open, and stays so until the next entry is asked for. */
function fileEntry(place: Place, fd: number): SourceEntry {
  const { name, path, shown } = place
  const stat = fstatSync(fd, { bigint: true })
  if (!stat.isFile()) throw unknownType(place)
  const size = Number(stat.size)
  return {
    path: name,
    type: 'file',
    ...fileMetadata(stat),
    size,
    inode: stat.ino,
    localPath: path,
    content: () => readDescriptor(fd, size, shown),
    open: () => descriptorReader(fd, shown),
    readAtOnce: target => readWhole(fd, target, size, shown),
  }
}

/** Returns what of a folder is sent, in the order of the bytes of the names. */
function entriesOf({ path, shown }: Place, { excludes }: TreeRules): Entry[] {
  try {
    const found = readdirSync(systemPath(path), { encoding: 'utf8', withFileTypes: true })
    // What is not UTF-8 comes as U+FFFD: only the bytes tell names apart then.
    const isDamaged = found.some(({ name }) => name.includes('\ufffd'))
    const entries = isDamaged
      ? readdirSync(systemPath(path), 'buffer').map(bytes => ({ name: nameFromBytes(bytes), isFile: false }))
      : found.map(entry => ({ name: entry.name, isFile: entry.isFile() }))
    return sortEntries(entries.filter(({ name }) => !excludes(name)))
  } catch (error) {
    throw systemFailure(error, shown)
  }
}

function sortEntries(entries: Entry[]): Entry[] {
  // Code units sort as bytes do unless surrogates are about.
  if (!entries.some(({ name }) => /[\ud800-\udfff]/.test(name))) {
    return entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  }
  const keyed = entries.map(entry => ({ entry, key: nameToBytes(entry.name) }))
  return keyed.sort((a, b) => Buffer.compare(a.key, b.key)).map(({ entry }) => entry)
}

function targetOf({ path, shown }: Place): string {
  try {
    return nameFromBytes(readlinkSync(systemPath(path), 'buffer'))
  } catch (error) {
    throw systemFailure(error, shown)
  }
}

/** Throws for a folder that a link has led back to. */
function refuseLoop({ shown }: Place, { dev, ino }: BigIntStats, open: readonly OpenFolder[]): void {
  if (!open.some(folder => folder.device === dev && folder.inode === ino)) return
  throw new Failure('failed', `${shown}: a symbolic link leads back to a folder that it lies in`, {
    hint: 'leave out --dereference-symlinks, or the link with --ignore',
  })
}
