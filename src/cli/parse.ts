import { Command as Commander, CommanderError, Option as CommanderOption } from 'commander'
import type { Command } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import { type Option, optionName, type Param, type Params } from '../contract/params.ts'
import { type GlobalValues, globalOptions } from './global-options.ts'

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

type Known = ReadonlyMap<string, { readonly key: string; readonly option: Option; readonly global: boolean }>

/** Parses what follows the words of a command. Throws `usage` Failures. */
export function parse(command: Pick<Command, 'path' | 'params'>, args: readonly string[]): Parsed {
  const known = knownOptions(command.params)
  const { tokens, progress } = normalize(args, known)
  const parser = new Commander(command.path).helpOption(false).exitOverride().allowExcessArguments(true)
  parser.configureOutput({ writeErr: () => undefined, writeOut: () => undefined })
  for (const { option, key } of new Set(known.values())) declare(parser, key, option)
  try {
    parser.parse(tokens, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) throw usageFailure(error, command.path)
    throw error
  }
  const values = parser.opts<Record<string, unknown>>()
  const input: Record<string, unknown> = {}
  const globals: Record<string, unknown> = {}
  const given = new Set<string>()
  for (const { key, option, global } of new Set(known.values())) {
    const raw = values[optionKey(option, key)]
    const value = raw === undefined ? option.initial : convert(raw, option, optionName(key, option))
    if (raw !== undefined) given.add(key)
    if (global) globals[key] = value
    else input[key] = value
  }
  if (progress !== undefined) globals.progress = progress
  const paths = distribute(command.params, parser.args, input)
  return { input, given, globals, paths }
}

/** Returns every spelling of every option, a command's own before global ones of the same spelling. */
function knownOptions(params: Params): Known {
  const known = new Map<string, { key: string; option: Option; global: boolean }>()
  const add = (key: string, param: Param, global: boolean): void => {
    if (param.place !== 'option') return
    const name = `--${optionName(key, param)}`
    if (global && known.has(name)) return
    const entry = { key, option: param, global }
    const short = param.short === undefined || known.has(`-${param.short}`) ? undefined : param.short
    const own = short === param.short ? entry : { ...entry, option: { ...param, short } }
    known.set(name, own)
    if (short !== undefined) known.set(`-${short}`, own)
    for (const alias of param.aliases ?? []) if (!known.has(`--${alias}`)) known.set(`--${alias}`, own)
  }
  for (const [key, param] of Object.entries(params)) add(key, param, false)
  for (const [key, param] of Object.entries(globalOptions)) add(key, param, true)
  return known
}

function optionKey(option: Option, key: string): string {
  return new CommanderOption(
    option.kind === 'flag' ? `--${optionName(key, option)}` : `--${optionName(key, option)} <x>`,
  ).attributeName()
}

function declare(parser: Commander, key: string, option: Option): void {
  const name = optionName(key, option)
  // A one-letter name (`cid format -f`) is a short option without a long form; commander wants a long one to name it by.
  const flags = `${option.short === undefined ? '' : `-${option.short}, `}--${name}`
  if (option.kind === 'flag') {
    parser.addOption(new CommanderOption(flags))
    parser.addOption(new CommanderOption(`--no-${name}`))
    // Declaring `--no-x` gives x the default true; only what was given counts here.
    parser.setOptionValue(optionKey(option, key), undefined)
    return
  }
  const collect = (value: string, earlier: readonly string[] | undefined): readonly string[] => [
    ...(earlier ?? []),
    value,
  ]
  const declared = new CommanderOption(`${flags} <${option.placeholder ?? 'value'}>`)
  if (option.kind === 'texts') declared.argParser(collect)
  parser.addOption(declared)
}

/**
 * Rewrites what Go's flag parser accepts and commander does not: `--flag=false`, `-r=false`, `--enc` for
 * `--encoding`; takes `--progress=bar` out, which is a flag to a command and a kind to us.
 */
function normalize(args: readonly string[], known: Known): { tokens: string[]; progress: string | undefined } {
  const tokens: string[] = []
  let progress: string | undefined
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
      // The last letter of `-rs size-1` may take the next token, which must pass untouched.
      if (/^-[^-]+$/.test(token) && known.get(`-${token.at(-1)}`)?.option.kind !== 'flag' && takesNext(token, known)) {
        if (at + 1 < args.length) tokens.push(args[++at] ?? '')
      }
      continue
    }
    const name = `--${optionName(entry.key, entry.option)}`
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

function takesNext(cluster: string, known: Known): boolean {
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
  const number = Number(value)
  const isWhole = option.kind === 'float' ? Number.isFinite(number) : Number.isSafeInteger(number)
  if (!isWhole || !/^[+-]?[\d.]/.test(value))
    throw new Failure('usage', `invalid value "${value}" for --${name}: a number is wanted`)
  if (option.min !== undefined && number < option.min) {
    throw new Failure('usage', `invalid value "${value}" for --${name}: at least ${option.min} is wanted`)
  }
  return number
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

function usageFailure(error: CommanderError, path: string): Failure {
  const message = error.message.replace(/^error: /, '').replace(/\n.*$/s, '')
  const suggestion = /Did you mean ([^?]*)\?/.exec(error.message)?.[1]
  const hint = suggestion === undefined ? `see tsipfs ${path} --help` : `did you mean ${suggestion}?`
  return new Failure('usage', message, { hint })
}
