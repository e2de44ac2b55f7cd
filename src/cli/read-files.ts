import { lstatSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import type { Caller } from '../contract/command.ts'
import { Failure, systemFailure } from '../contract/failure.ts'
import type { Files } from '../contract/params.ts'
import type { SourceEntry } from '../contract/source.ts'
import { nameFromBytes } from '../contract/surrogate-escape.ts'
import { systemPath } from './local-file.ts'
import { type TreeRules, walkTree } from './walk-tree.ts'

/** What of a command's input decides which files are sent; a command without such an option leaves it out. */
export interface FileOptions {
  readonly recursive?: boolean
  readonly dereferenceArgs?: boolean
  readonly dereferenceSymlinks?: boolean
  readonly stdinName?: string
  readonly hidden?: boolean
  readonly ignore?: readonly string[]
  readonly ignoreRulesPath?: string
}

/** A file, folder or link that was named, known to be there. */
interface Named {
  /** What it is called in what is sent: the last part of its path. */
  readonly name: string
  readonly path: string
  readonly shown: string
}

/**
 * Yields the named files and, for a command that takes them, folders with all that is in them, in the order of their
 * names as Kubo does; standard input when none is named, or for `-`. Everything that is named is looked at before the
 * first is read.
 */
export async function* readFiles(
  paths: readonly string[],
  caller: Caller,
  param: Pick<Files, 'folders'> = { folders: false },
  options: FileOptions = {},
  extra: Partial<TreeRules> = {},
): AsyncIterable<SourceEntry> {
  const rules = param.folders ? { ...(await rulesOf(options, caller)), ...extra } : PLAIN_RULES
  const stdin = standardInput(caller, options.stdinName ?? '')
  const named: (Named | 'stdin')[] = paths.length === 0 ? ['stdin'] : []
  const folders = new Map<string, string>()
  for (const path of paths) {
    const one = path === '-' ? 'stdin' : param.folders ? lookAt(path, caller, options) : lookAtFile(path, caller)
    if (one === 'stdin' || !isRepeated(one, folders)) named.push(one)
  }
  const nameOf = (one: Named | 'stdin'): string => (one === 'stdin' ? stdin.path : one.name)
  named.sort((a, b) => Buffer.compare(Buffer.from(systemPath(nameOf(a))), Buffer.from(systemPath(nameOf(b)))))
  for (const one of named) {
    caller.signal.throwIfAborted()
    if (one === 'stdin') {
      yield* foldersOf(stdin.path)
      yield stdin
    } else yield* walkTree(one, rules, caller.signal)
  }
}

/** Of a command that takes no folders: links are followed. */
const PLAIN_RULES: TreeRules = { followsLinks: true, excludes: () => false }

/** Yields the folders that a path names before its last part, outer ones first. */
function* foldersOf(path: string): Iterable<SourceEntry> {
  for (let at = path.indexOf('/', 1); at > 0; at = path.indexOf('/', at + 1)) {
    yield { path: path.slice(0, at), type: 'directory' }
  }
}

function standardInput(caller: Caller, name: string): SourceEntry {
  return { path: name, type: 'file', content: () => caller.io.stdin }
}

async function rulesOf(options: FileOptions, caller: Caller): Promise<TreeRules> {
  const { ignore = [], ignoreRulesPath, hidden = false, dereferenceSymlinks = false } = options
  const followsLinks = dereferenceSymlinks
  const isHidden = (name: string): boolean => !hidden && name.startsWith('.')
  if (ignore.length === 0 && (ignoreRulesPath ?? '') === '') return { followsLinks, excludes: isHidden }
  const { ignoreRules, readRules } = await import('./ignore-rules.ts')
  const read = ignoreRulesPath === undefined ? [] : readRules(resolve(caller.io.cwd, ignoreRulesPath), ignoreRulesPath)
  const isIgnored = ignoreRules([...read, ...ignore])
  return { followsLinks, excludes: name => isHidden(name) || isIgnored(name) }
}

function lookAt(shown: string, { io }: Caller, options: FileOptions): Named {
  const { recursive = false, dereferenceArgs = false, dereferenceSymlinks = false } = options
  let path = resolve(io.cwd, shown)
  // A folder that is named by `.` or `..` has the name that it really has.
  const hasName = !/(^|\/)\.{0,2}\/*$/.test(shown) || /[^/.]\/*$/.test(shown)
  if (dereferenceArgs || dereferenceSymlinks || !hasName) {
    path = look(() => nameFromBytes(realpathSync(systemPath(path), { encoding: 'buffer' })), shown)
  }
  const stat = look(() => lstatSync(systemPath(path)), shown)
  if (stat.isDirectory() && !recursive) {
    throw new Failure('usage', `'${shown}' is a directory, use the '-r' flag to specify directories`)
  }
  return { name: basename(path), path, shown }
}

function lookAtFile(shown: string, { io }: Caller): Named {
  const path = resolve(io.cwd, shown)
  const stat = look(() => statSync(systemPath(path)), shown)
  if (stat.isDirectory()) throw new Failure('failed', `${shown}: is a directory`, { hint: 'name a file' })
  return { name: basename(path), path, shown }
}

function look<T>(work: () => T, shown: string): T {
  try {
    return work()
  } catch (error) {
    throw systemFailure(error, shown)
  }
}

/** Returns true for what was named before. Throws for two of one name from different folders. */
function isRepeated({ name, path }: Named, folders: Map<string, string>): boolean {
  const folder = dirname(path)
  const before = folders.get(name)
  folders.set(name, before ?? folder)
  if (before === undefined || before === folder) return before !== undefined
  const text = `file name ${name} repeated under different import directories: ${folder} and ${before}`
  throw new Failure('usage', text, { hint: 'add them one by one' })
}
