import { commands } from '../commands/index.ts'
import type { Command } from '../contract/command.ts'
import type { Io } from '../contract/io.ts'
import type { Completion } from '../contract/params.ts'
import { chooseExecutor } from './executors.ts'
import { type GlobalValues, toGlobals } from './global-options.ts'
import { parse } from './parse.ts'

const WORDS_MAX = 200
const TIMEOUT_MS = 1_000

/** Which command knows the words, with which arguments, and how one of its records names them. */
interface Source {
  readonly path: string
  readonly args: (typed: string) => readonly string[]
  readonly pick: (record: unknown, typed: string) => readonly unknown[]
}

const PINS: Source = {
  path: 'pin ls',
  args: () => ['--type=recursive', '--stream'],
  pick: record => [field(record, 'Cid')],
}

const SOURCES: Readonly<Partial<Record<Completion, Source>>> = {
  pin: PINS,
  cid: PINS,
  'pin-name': {
    path: 'pin ls',
    args: () => ['--type=recursive', '--stream', '--names'],
    pick: record => [field(record, 'Name')],
  },
  key: { path: 'key list', args: () => [], pick: record => items(record, 'Keys').map(key => field(key, 'Name')) },
  topic: { path: 'pubsub ls', args: () => [], pick: record => items(record, 'Strings').map(topicText) },
  peer: {
    path: 'swarm peers',
    args: () => [],
    pick: record => items(record, 'Peers').map(peer => field(peer, 'Peer')),
  },
  address: {
    path: 'swarm peers',
    args: () => [],
    pick: record => items(record, 'Peers').map(peer => `${field(peer, 'Addr')}/p2p/${field(peer, 'Peer')}`),
  },
  mfs: {
    path: 'files ls',
    args: typed => ['--long', folderOf(typed)],
    pick: (record, typed) => items(record, 'Entries').map(entry => mfsPath(entry, folderOf(typed))),
  },
  codec: { path: 'cid codecs', args: () => [], pick: record => [field(record, 'Name')] },
  hash: { path: 'cid hashes', args: () => [], pick: record => [field(record, 'Name')] },
  base: { path: 'cid bases', args: () => [], pick: record => [field(record, 'Name')] },
}

/**
 * Returns words of a kind that begin with what is typed: out of the repo (pins, their names, keys, MFS paths), of its
 * daemon (peers, topics), or of what the program knows. Nothing is asked of the network. What cannot be had within a
 * second is left out.
 */
export async function livingWords(
  kind: Completion,
  typed: string,
  io: Io,
  values: GlobalValues,
): Promise<readonly string[]> {
  if (kind === 'config') {
    const { configKeys } = await import('./known-words.ts')
    return await configKeys(typed)
  }
  if (kind === 'profile') {
    const { profileNames } = await import('./known-words.ts')
    return await profileNames(typed)
  }
  const source = SOURCES[kind]
  return source === undefined ? [] : await wordsOf(source, typed, io, values)
}

async function wordsOf(source: Source, typed: string, io: Io, values: GlobalValues): Promise<string[]> {
  const command = await commands[source.path]?.()
  if (command === undefined) return []
  const words = new Set<string>()
  try {
    const signal = AbortSignal.any([io.signal, AbortSignal.timeout(TIMEOUT_MS)])
    const { input } = await parse(command, source.args(typed))
    // What lives on the network is known to a daemon, or to nobody.
    const isRemote = command.needs === 'network' || command.needs === 'daemon'
    const asked: Command = isRemote ? { ...command, needs: 'daemon' } : command
    const globals = toGlobals({ offline: !isRemote })
    await using executor = await chooseExecutor(asked, values, globals, io)
    const call = { input, source: nothing(), globals, signal }
    for await (const output of executor.execute(command, call)) {
      const records: readonly unknown[] = Array.isArray(output) ? output : [output]
      for (const word of records.flatMap(record => source.pick(record, typed))) {
        if (typeof word === 'string' && word !== '' && word.startsWith(typed)) words.add(word)
      }
      if (words.size >= WORDS_MAX) break
    }
  } catch {
    // No repo, no daemon, a limit passed: a TAB key is not the place to say so.
  }
  return [...words].slice(0, WORDS_MAX)
}

function folderOf(typed: string): string {
  return typed.startsWith('/') ? typed.slice(0, typed.lastIndexOf('/') + 1) : '/'
}

/** A folder ends in a slash: one more TAB looks into it. */
function mfsPath(entry: unknown, folder: string): string {
  return `${folder}${field(entry, 'Name')}${field(entry, 'Type') === 1 ? '/' : ''}`
}

async function* nothing(): AsyncIterable<never> {
  // No files travel with a completion.
}

/** A topic crosses the RPC as bytes in multibase; one that is no text cannot be typed. */
function topicText(topic: unknown): string {
  if (typeof topic !== 'string') return ''
  const bytes = Buffer.from(topic.slice(1), 'base64url')
  const text = bytes.toString()
  return text.includes('\ufffd') || /\p{Cc}/u.test(text) ? '' : text
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined
}

function items(value: unknown, key: string): readonly unknown[] {
  const found = field(value, key)
  return Array.isArray(found) ? found : []
}
