import type { Command } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import { type Option, optionName, type Param, type Params } from '../contract/params.ts'
import { wholeNumber } from '../contract/whole-number.ts'
import { type GlobalValues, globalOptions } from './global-options.ts'
import type { KnownOption, KnownOptions } from './read-options.ts'

/** What an argv asks for, once its command is known. */
export interface Parsed {
  /** A value for each option and argument that was declared. Arguments that come from standard input are still missing. */
  readonly input: Readonly<Record<string, unknown>>
  /** The keys of options that were given, and did not take their initial value. */
  readonly given: ReadonlySet<string>
  readonly globals: GlobalValues
  /** The files and folders that were named, where the command takes some. */
  readonly paths: readonly string[]
}

const PROGRESS_KINDS = new Set(['auto', 'bar', 'plain', 'json', 'none'])
const TRUE = new Set(['true', 't', 'T', 'TRUE', 'True', '1'])
const FALSE = new Set(['false', 'f', 'F', 'FALSE', 'False', '0'])

/**
 * Parses what follows the words of a command. Options of the commands above it (`above`: those of `refs` for `refs local`)
 * may stand there too, and mean nothing. Throws `usage` Failures.
 */
export async function parse(
  command: Pick<Command, 'path' | 'params'>,
  args: readonly string[],
  above: readonly Params[] = [],
): Promise<Parsed> {
  const known = knownOptions(command.params, above)
  const { tokens, progress } = normalize(args, known)
  const { values, words } = await readTokens(command.path, tokens, known)
  const input: Record<string, unknown> = {}
  const globals: Record<string, unknown> = {}
  const given = new Set<string>()
  for (const entry of new Set(known.values())) {
    const { key, option, global, isIdle } = entry
    const raw = values.get(entry)
    const value = raw === undefined ? option.initial : convert(raw, option, optionName(key, option))
    if (isIdle === true) continue
    if (raw !== undefined) given.add(key)
    if (global) globals[key] = value
    else input[key] = value
  }
  if (progress !== undefined) globals.progress = progress
  const paths = distribute(command.params, words, input)
  return { input, given, globals, paths }
}

interface Tokens {
  readonly values: ReadonlyMap<KnownOption, unknown>
  readonly words: readonly string[]
}

/** Most command lines hold nothing but options that are spelled out: commander is loaded for the others. */
async function readTokens(path: string, tokens: readonly string[], known: KnownOptions): Promise<Tokens> {
  const plain = readPlain(tokens, known)
  if (plain !== undefined) return plain
  const { readOptions } = await import('./read-options.ts')
  return readOptions(path, tokens, known)
}

/** Reads tokens as commander does; undefined for what it may refuse, and for letters whose value follows at once. */
function readPlain(tokens: readonly string[], known: KnownOptions): Tokens | undefined {
  const values = new Map<KnownOption, unknown>()
  const words: string[] = []
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at] ?? ''
    if (token === '--') {
      words.push(...tokens.slice(at + 1))
      break
    }
    if (!token.startsWith('-') || token === '-') {
      words.push(token)
      continue
    }
    const equals = token.indexOf('=')
    const entry = known.get(equals < 0 ? token : token.slice(0, equals))
    if (entry === undefined) {
      const switched = switchesOf(token, known)
      if (switched === undefined) return undefined
      for (const [flag, value] of switched) values.set(flag, value)
    } else if (entry.option.kind === 'flag') {
      if (equals >= 0 || token.startsWith('--no-')) return undefined
      values.set(entry, true)
    } else {
      const value = equals < 0 ? tokens[++at] : token.slice(equals + 1)
      if (value === undefined) return undefined
      const earlier = values.get(entry)
      const isList = entry.option.kind === 'texts'
      values.set(entry, isList ? [...(Array.isArray(earlier) ? earlier : []), value] : value)
    }
  }
  return { values, words }
}

/** Returns the switches of `--no-name` or of letters that stand together (`-rQ`); undefined where others are among them. */
function switchesOf(token: string, known: KnownOptions): (readonly [KnownOption, boolean])[] | undefined {
  const isLong = token.startsWith('--')
  if (isLong && !token.startsWith('--no-')) return undefined
  const names = isLong ? [`--${token.slice('--no-'.length)}`] : [...token.slice(1)].map(letter => `-${letter}`)
  const switches: (readonly [KnownOption, boolean])[] = []
  for (const name of names) {
    const entry = known.get(name)
    if (entry?.option.kind !== 'flag') return undefined
    switches.push([entry, !isLong])
  }
  return switches
}

/** Returns every spelling of every option, a command's own before global ones of the same spelling. */
function knownOptions(params: Params, above: readonly Params[]): KnownOptions {
  const known = new Map<string, KnownOption>()
  const add = (key: string, param: Param, global: boolean, isIdle = false): void => {
    if (param.place !== 'option') return
    const name = `--${optionName(key, param)}`
    if ((global || isIdle) && known.has(name)) return
    const entry = { key, option: param, global, isIdle }
    const short = param.short === undefined || known.has(`-${param.short}`) ? undefined : param.short
    const own = short === param.short ? entry : { ...entry, option: { ...param, short } }
    known.set(name, own)
    if (short !== undefined) known.set(`-${short}`, own)
    for (const alias of param.aliases ?? []) if (!known.has(`--${alias}`)) known.set(`--${alias}`, own)
  }
  for (const [key, param] of Object.entries(params)) add(key, param, false)
  for (const [key, param] of Object.entries(globalOptions)) add(key, param, true)
  for (const [key, param] of above.flatMap(one => Object.entries(one))) add(key, param, false, true)
  return known
}

/**
 * Rewrites what Go's flag parser accepts and commander does not: `--flag=false`, `-r=false`, `--enc` for
 * `--encoding`; takes `--progress=bar` out, which is a flag to a command and a kind to us.
 */
function normalize(args: readonly string[], known: KnownOptions): { tokens: string[]; progress: string | undefined } {
  const tokens: string[] = []
  const seen = new Set<KnownOption>()
  let progress: string | undefined
  const note = (entry: KnownOption): void => {
    if (entry.option.kind !== 'texts' && seen.has(entry)) {
      throw new Failure('usage', `multiple values for option --${optionName(entry.key, entry.option)}`)
    }
    seen.add(entry)
  }
  for (let at = 0; at < args.length; at++) {
    const token = args[at] ?? ''
    if (token === '--') {
      tokens.push(...args.slice(at))
      break
    }
    const equals = token.indexOf('=')
    const spelling = equals < 0 ? token : token.slice(0, equals)
    const entry = token.startsWith('-') && token !== '-' ? known.get(spelling) : undefined
    if (entry === undefined) {
      tokens.push(token)
      for (const letter of /^-[^-=]{2,}$/.test(token) ? token.slice(1) : '') {
        const switched = known.get(`-${letter}`)
        if (switched?.option.kind !== 'flag') break
        note(switched)
      }
      // The last letter of `-rs size-1` may take the next token, which must pass untouched.
      if (/^-[^-]+$/.test(token) && known.get(`-${token.at(-1)}`)?.option.kind !== 'flag' && takesNext(token, known)) {
        if (at + 1 < args.length) tokens.push(args[++at] ?? '')
      }
      continue
    }
    const name = `--${optionName(entry.key, entry.option)}`
    note(entry)
    const value = equals < 0 ? undefined : token.slice(equals + 1)
    if (name === '--progress' && value !== undefined && PROGRESS_KINDS.has(value)) {
      progress = value
      continue
    }
    if (entry.option.kind === 'flag') {
      if (value !== undefined && !TRUE.has(value) && !FALSE.has(value)) {
        throw new Failure('usage', `invalid value "${value}" for ${spelling}: true or false is wanted`)
      }
      tokens.push(value !== undefined && FALSE.has(value) ? `--no-${name.slice(2)}` : name)
      continue
    }
    tokens.push(name)
    if (value !== undefined) {
      tokens.pop()
      tokens.push(`${name}=${value}`)
    } else if (name === '--progress' && entry.global) {
      tokens.pop()
      progress = 'bar'
    } else if (at + 1 < args.length) tokens.push(args[++at] ?? '')
  }
  return { tokens, progress }
}

function takesNext(cluster: string, known: KnownOptions): boolean {
  const letters = [...cluster.slice(1)]
  return letters.every((letter, index) => {
    const kind = known.get(`-${letter}`)?.option.kind
    return index === letters.length - 1 ? kind !== undefined && kind !== 'flag' : kind === 'flag'
  })
}

function convert(raw: unknown, option: Option, name: string): unknown {
  if (option.kind === 'flag' || option.kind === 'texts') return raw
  const value = String(raw)
  if (option.values !== undefined && !option.values.includes(value)) {
    throw new Failure('usage', `invalid value "${value}" for --${name}`, {
      hint: `use one of ${option.values.join(', ')}`,
    })
  }
  if (option.kind === 'text') return value
  const number = option.kind === 'float' ? (/^[+-]?[\d.]/.test(value) ? Number(value) : Number.NaN) : int64(value)
  if (!Number.isFinite(number)) throw new Failure('usage', `invalid value "${value}" for --${name}: a number is wanted`)
  if (option.kind === 'int' && !Number.isSafeInteger(number)) {
    if (option.saturates === true) return number < 0 ? Number.MIN_SAFE_INTEGER : Number.MAX_SAFE_INTEGER
    throw new Failure('usage', `invalid value "${value}" for --${name}: at most 2^53 - 1 is possible`)
  }
  if (option.min !== undefined && number < option.min) {
    throw new Failure('usage', `invalid value "${value}" for --${name}: at least ${option.min} is wanted`)
  }
  return number
}

const INT64_MAX = 2n ** 63n - 1n

/** Returns the value of an option of 64 bits; NaN for what is none. */
function int64(text: string): number {
  const value = wholeNumber(text)
  return value === undefined || value > INT64_MAX || value < -INT64_MAX - 1n ? Number.NaN : Number(value)
}

/** Gives the positional words to the arguments that were declared. What is missing is checked by `checkArguments`. */
function distribute(params: Params, words: readonly string[], input: Record<string, unknown>): readonly string[] {
  const places = Object.entries(params).filter(([, param]) => param.place !== 'option')
  const left = [...words]
  let paths: readonly string[] = []
  for (const [index, [key, param]] of places.entries()) {
    if (param.place === 'option') continue
    const later = places
      .slice(index + 1)
      .filter(([, other]) => other.place !== 'option' && !other.optional && !otherReadsStdin(other)).length
    const taken = param.many ? left.splice(0, Math.max(0, left.length - later)) : left.splice(0, 1)
    if (param.place === 'files') paths = taken
    else input[key] = param.many ? taken : taken[0]
  }
  if (left.length > 0) {
    throw new Failure('usage', `unexpected argument "${left[0]}"`, {
      hint: 'see --help for the arguments of the command',
    })
  }
  return paths
}

function otherReadsStdin(param: Param): boolean {
  return param.place !== 'option' && param.stdin
}
