import { type BigIntStats, lstatSync, readdirSync, readlinkSync, statSync } from 'node:fs'
import { Failure, systemFailure } from '../contract/failure.ts'
import type { SourceEntry } from '../contract/source.ts'
import { nameFromBytes, nameToBytes } from '../contract/surrogate-escape.ts'
import { readLocalFile, readPipe, systemPath } from './local-file.ts'

/** What is sent of a tree. */
export interface TreeRules {
  /** Symbolic links are replaced by what they lead to. */
  readonly followsLinks: boolean
  /** Returns true for the name of an entry that is left out, with all below it. Not asked of what was named. */
  readonly excludes: (name: string) => boolean
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
  readonly entries: readonly string[]
  /** Which of them comes next. */
  at: number
  readonly device: bigint
  readonly inode: bigint
}

/** Yields what lies at a place and, of a folder, all below it: each folder before its entries, in the order of bytes. */
export async function* walkTree(named: Place, rules: TreeRules, signal: AbortSignal): AsyncGenerator<SourceEntry> {
  // No recursion: a tree may be deeper than the stack.
  const open: OpenFolder[] = []
  for (let place: Place | undefined = named; place !== undefined; place = nextPlace(open)) {
    signal.throwIfAborted()
    const stat = statOf(place, rules)
    if (stat.isFile()) {
      yield fileEntry(place, stat)
    } else if (stat.isDirectory()) {
      if (rules.followsLinks) refuseLoop(place, stat, open)
      open.push({ ...place, entries: entriesOf(place, rules), at: 0, device: stat.dev, inode: stat.ino })
      yield { path: place.name, type: 'directory', ...metadataOf(stat) }
    } else if (stat.isSymbolicLink()) {
      yield { path: place.name, type: 'symlink', ...metadataOf(stat), target: targetOf(place) }
    } else if (stat.isFIFO() && place === named) {
      yield { path: place.name, type: 'file', content: () => readPipe(named.path, named.shown) }
    } else {
      throw new Failure('failed', `unrecognized file type for ${place.shown}: neither file, folder nor symbolic link`)
    }
  }
}

function nextPlace(open: OpenFolder[]): Place | undefined {
  for (;;) {
    const folder = open.at(-1)
    if (folder === undefined) return undefined
    const entry = folder.entries[folder.at++]
    if (entry === undefined) open.pop()
    else return { name: below(folder.name, entry), path: below(folder.path, entry), shown: below(folder.shown, entry) }
  }
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

function metadataOf(stat: BigIntStats): Pick<SourceEntry, 'mode' | 'mtime'> {
  const nanoseconds = BigInt.asUintN(64, ((stat.mtimeNs % SECOND) + SECOND) % SECOND)
  const seconds = Number((stat.mtimeNs - nanoseconds) / SECOND)
  return { mode: Number(stat.mode & 0o7777n), mtime: { seconds, nanoseconds: Number(nanoseconds) } }
}

const SECOND = 1_000_000_000n

function fileEntry({ name, path, shown }: Place, stat: BigIntStats): SourceEntry {
  return {
    path: name,
    type: 'file',
    ...metadataOf(stat),
    size: Number(stat.size),
    localPath: path,
    content: () => readLocalFile(path, shown),
  }
}

/** Returns the names in a folder that are sent, in the order of their bytes. */
function entriesOf({ path, shown }: Place, { excludes }: TreeRules): string[] {
  try {
    let names = readdirSync(systemPath(path), 'utf8')
    // What is not UTF-8 comes as U+FFFD: only the bytes tell names apart then.
    if (names.some(name => name.includes('\ufffd'))) {
      names = readdirSync(systemPath(path), 'buffer').map(nameFromBytes)
    }
    return sortNames(names.filter(name => !excludes(name)))
  } catch (error) {
    throw systemFailure(error, shown)
  }
}

function sortNames(names: string[]): string[] {
  // Code units sort as bytes do unless surrogates are about.
  if (!names.some(name => /[\ud800-\udfff]/.test(name))) return names.sort()
  const keyed = names.map(name => ({ name, key: nameToBytes(name) }))
  return keyed.sort((a, b) => Buffer.compare(a.key, b.key)).map(({ name }) => name)
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
