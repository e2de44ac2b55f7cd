import { groups } from '../commands/groups.ts'
import { commands } from '../commands/index.ts'
import type { Io } from '../contract/io.ts'
import type { Completion } from '../contract/params.ts'
import { chooseExecutor } from './executors.ts'
import { findCommand } from './find-command.ts'
import { toGlobals } from './global-options.ts'
import { offersFor } from './offers.ts'

const LIVING_MAX = 200
const LIVING_TIMEOUT_MS = 1_000

/**
 * Prints what fits at the end of a command line, one word a line, for the completion scripts; `:files` and `:folders`
 * ask the shell for its own. Words that live in the repo (keys, pins, topics, MFS paths) are asked for, offline or of
 * the daemon, within a second; what cannot be had is left out.
 */
export async function complete(words: readonly string[], io: Io): Promise<void> {
  const typed = words.at(-1) ?? ''
  const isCommand = (path: string): boolean => Object.hasOwn(commands, path)
  const isPrefix = (path: string): boolean =>
    Object.hasOwn(groups, path) || Object.keys(commands).some(name => name.startsWith(`${path} `))
  const found = findCommand(words.slice(0, -1), isCommand, isPrefix)
  const command = await commands[found.path]?.()
  const prefix = found.path === '' ? '' : `${found.path} `
  const children = Object.keys({ ...commands, ...groups })
    .filter(name => name.startsWith(prefix) && name !== found.path)
    .map(name => name.slice(prefix.length).split(' ')[0] ?? '')
  const hasArguments = found.rest.some(word => !word.startsWith('-'))
  const offers = offersFor(command, hasArguments ? [] : [...new Set(children)].sort(), words)
  const living = offers.living === undefined ? [] : await livingWords(offers.living, typed, io)
  const lines = [...offers.words, ...living].filter(word => word.startsWith(typed))
  if (offers.files !== 'none') lines.push(`:${offers.files}`)
  await io.out.write(lines.map(line => `${line}\n`).join(''))
}

/** Which command knows the living words, with which input, and how its results name them. */
const SOURCES: Readonly<
  Partial<
    Record<
      Completion,
      {
        path: string
        input: (typed: string) => Record<string, unknown>
        pick: (value: unknown, typed: string) => string[]
      }
    >
  >
> = {
  key: {
    path: 'key list',
    input: () => ({ l: false, ipnsBase: 'base36' }),
    pick: value => fieldList(value, 'Keys', 'Name'),
  },
  pin: {
    path: 'pin ls',
    input: () => ({ path: [], type: 'recursive', quiet: true, stream: true, names: false, name: undefined }),
    pick: value => fields(value, 'Cid'),
  },
  cid: {
    path: 'pin ls',
    input: () => ({ path: [], type: 'recursive', quiet: true, stream: true, names: false, name: undefined }),
    pick: value => fields(value, 'Cid'),
  },
  topic: { path: 'pubsub ls', input: () => ({}), pick: value => stringList(value, 'Strings') },
  peer: { path: 'swarm peers', input: () => ({}), pick: value => fieldList(value, 'Peers', 'Peer') },
  mfs: {
    path: 'files ls',
    input: typed => ({ path: folderOf(typed), long: true, u: true }),
    pick: (value, typed) => fieldList(value, 'Entries', 'Name').map(name => `${folderOf(typed)}${name}`),
  },
}

async function livingWords(kind: Completion, typed: string, io: Io): Promise<string[]> {
  const source = SOURCES[kind]
  const command = await (source === undefined ? undefined : commands[source.path]?.())
  if (source === undefined || command === undefined) return []
  const words: string[] = []
  try {
    const globals = toGlobals({ offline: true })
    const signal = AbortSignal.any([io.signal, AbortSignal.timeout(LIVING_TIMEOUT_MS)])
    await using executor = await chooseExecutor(command, {}, globals, io)
    const call = { input: source.input(typed), source: nothing(), globals, signal }
    for await (const value of executor.execute(command, call)) {
      words.push(...source.pick(value, typed))
      if (words.length >= LIVING_MAX) break
    }
  } catch {
    // No repo, no daemon, a limit passed: a TAB key is not the place to say so.
  }
  return words.slice(0, LIVING_MAX)
}

function folderOf(typed: string): string {
  return typed.startsWith('/') ? typed.slice(0, typed.lastIndexOf('/') + 1) : '/'
}

async function* nothing(): AsyncIterable<never> {
  // No files travel with a completion.
}

function fields(value: unknown, key: string): string[] {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return []
  const found = (value as Record<string, unknown>)[key]
  return typeof found === 'string' ? [found] : []
}

function list(value: unknown, key: string): unknown[] {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return []
  const found = (value as Record<string, unknown>)[key]
  return Array.isArray(found) ? found : []
}

function fieldList(value: unknown, key: string, field: string): string[] {
  return list(value, key).flatMap(item => fields(item, field))
}

function stringList(value: unknown, key: string): string[] {
  return list(value, key).filter(item => typeof item === 'string')
}
