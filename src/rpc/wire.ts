import type { Command, Output, OutputKind } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import type { Globals } from '../contract/globals.ts'
import { type Argument, type Option, optionName, type Param, type Params } from '../contract/params.ts'
import { nameFromBytes, nameToBytes } from '../contract/surrogate-escape.ts'
import { GLOBAL_NAMES, globalsFromQuery, globalsToQuery, parseFlag, type WireGlobals } from './globals.ts'
import type { QueryPair } from './query.ts'

/** The path of the RPC on a server. */
export const API_PATH = '/api/v0'

/** Header and trailer names, as Kubo spells them. */
export const HEADER = {
  stream: 'X-Stream-Output',
  chunked: 'X-Chunked-Output',
  length: 'X-Content-Length',
  /** Trailer: the message of a failure that came after output had begun. */
  error: 'X-Stream-Error',
  /** Trailer of ours: the same failure as a percent-encoded record. */
  failure: 'X-Stream-Failure',
} as const

/** In a request, as the value of `HEADER.failure`: a failure that comes after output is wanted as its last line. */
export const FAILURE_AS_LINE = 'line'

type Values = Readonly<Record<string, unknown>>
type Declared = Pick<Command, 'path' | 'params' | 'source'>

/** What a query asks of a command. */
export interface WireCall extends WireGlobals {
  readonly input: Values
  /** The key of the argument that is read from the body, one value a line: it was left out, or more of it follows. */
  readonly fromBody: string | undefined
  /** What is wrong with a value that has the right type: the command fails by it, the request is well-formed. */
  readonly refused: Failure | undefined
  /** The options that were given, by their names on the wire, and the arguments: for the list of requests. */
  readonly given: { readonly options: Readonly<Record<string, unknown>>; readonly args: readonly string[] }
}

/** Returns how the results of a command travel for this input. */
export function outputKind(command: Command, input: Values): OutputKind {
  const { output } = command
  return typeof output === 'function' ? output(input as never) : (output ?? 'stream')
}

/** Returns the media type of the bytes that a command answers with. */
export function mediaType({ mediaType: type }: Command, input: Values): string {
  return typeof type === 'function' ? type(input as never) : (type ?? 'text/plain')
}

/** Returns true when the command takes files, which travel in the body. */
export function takesFiles(command: Declared): boolean {
  return command.source !== undefined || Object.values(command.params).some(param => param.place === 'files')
}

/**
 * Returns the query of a call: its arguments in order, and each option that differs from its initial value.
 * Options that concern only the caller stay with it.
 */
export function toQuery(command: Declared, input: Values, globals: Globals): QueryPair[] {
  const pairs: QueryPair[] = []
  for (const [key, param] of Object.entries(command.params)) {
    const value = input[key]
    if (param.place === 'argument') {
      for (const word of listOf(value)) pairs.push(['arg', encodeArgument(param, word)])
    } else if (param.place === 'option' && param.caller !== true && !isInitial(value, param)) {
      const name = optionName(key, param)
      for (const word of listOf(value)) pairs.push([name, word])
    }
  }
  return [...pairs, ...globalsToQuery(globals)]
}

/** Returns what a query asks for. Options that nobody declared are ignored, as Kubo does. Throws `usage` Failures. */
export function fromQuery(
  command: Declared,
  pairs: readonly QueryPair[],
  words: readonly string[],
  hasBody: boolean,
): WireCall {
  const { names, list } = optionsOf(command.params)
  const options: Record<string, unknown> = {}
  const texts = new Map<string, string[]>()
  const rest: QueryPair[] = []
  const args = [...words]
  for (const [name, value] of pairs) {
    const key = names.get(name)
    if (name === 'arg') args.push(value)
    else if (key !== undefined) texts.set(key, [...(texts.get(key) ?? []), value])
    else if (GLOBAL_NAMES.has(name)) rest.push([name, value])
  }
  const input: Record<string, unknown> = {}
  let refused: Failure | undefined
  for (const { key, param, name } of list) {
    const given = texts.get(key)
    input[key] = given === undefined ? param.initial : parseOption(given, param, name)
    if (given !== undefined) refused ??= refusedValue(input[key], param, name)
    if (given !== undefined) options[name] = input[key]
  }
  const { fromBody, broken } = distribute(command.params, args, input, hasBody)
  refused ??= broken
  for (const param of Object.values(command.params)) {
    if (param.place !== 'files' || param.optional || hasBody) continue
    throw new Failure('usage', `file argument '${param.label}' is required`)
  }
  const wire = globalsFromQuery(rest)
  return { ...wire, input, fromBody, refused, given: { options: { encoding: wire.encoding, ...options }, args } }
}

/** Returns an output as a line of JSON. */
export function toLine(output: Output): string {
  return `${JSON.stringify(output)}\n`
}

function listOf(value: unknown): string[] {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value.map(String) : [String(value)]
}

function isInitial(value: unknown, option: Option): boolean {
  if (Array.isArray(value)) {
    const initial = Array.isArray(option.initial) ? option.initial : []
    return value.length === initial.length && value.every((item, index) => item === initial[index])
  }
  return value === option.initial
}

interface Options {
  readonly list: readonly { readonly key: string; readonly param: Option; readonly name: string }[]
  /** The key of each option by every name that it may have in a query. */
  readonly names: ReadonlyMap<string, string>
}

/** What is declared does not change, and each call asks for it. */
const optionsKnown = new WeakMap<Params, Options>()

function optionsOf(params: Params): Options {
  let options = optionsKnown.get(params)
  if (options === undefined) {
    options = findOptions(params)
    optionsKnown.set(params, options)
  }
  return options
}

function findOptions(params: Params): Options {
  const names = new Map<string, string>()
  const list: Options['list'][number][] = []
  for (const [key, param] of Object.entries(params)) {
    if (param.place !== 'option') continue
    const name = optionName(key, param)
    list.push({ key, param, name })
    for (const one of [name, param.short, ...(param.aliases ?? [])]) {
      if (one !== undefined && !names.has(one)) names.set(one, key)
    }
  }
  return { list, names }
}

function parseOption(given: readonly string[], option: Option, name: string): unknown {
  if (option.kind === 'texts') return given
  const [value = ''] = given
  if (given.length > 1) {
    throw new Failure('usage', `expected key ${name} to have only a single value, received [${given.join(' ')}]`)
  }
  if (option.kind === 'flag') return parseFlag(value, name)
  return option.kind === 'text' ? value : parseNumber(value, option, name)
}

function parseNumber(value: string, option: Option, name: string): number {
  const number = Number(value)
  const isNumber = option.kind === 'float' ? Number.isFinite(number) : Number.isSafeInteger(number)
  if (!isNumber || !/^[+-]?[\d.]/.test(value)) {
    const type = option.kind === 'float' ? 'float' : 'int'
    throw new Failure('usage', `could not convert value "${value}" to type "${type}" (for option "-${name}")`)
  }
  return number
}

function refusedValue(value: unknown, option: Option, name: string): Failure | undefined {
  if (typeof value === 'string' && option.values !== undefined && !option.values.includes(value)) {
    const hint = `use one of ${option.values.join(', ')}`
    return new Failure('usage', `invalid value "${value}" for option "${name}"`, { hint })
  }
  if (typeof value === 'number' && option.min !== undefined && value < option.min) {
    return new Failure('usage', `invalid value "${value}" for option "${name}": at least ${option.min} is wanted`)
  }
  return undefined
}

/**
 * Gives the `arg`s to the arguments that were declared, those that must be there first. Returns the key of the one
 * that is to be read from the body, and what is wrong with a value that cannot be decoded.
 */
function distribute(
  params: Params,
  words: readonly string[],
  input: Record<string, unknown>,
  hasBody: boolean,
): { readonly fromBody: string | undefined; readonly broken: Failure | undefined } {
  const places = Object.entries(params).filter((entry): entry is [string, Argument] => isArgument(entry[1]))
  const left = [...words]
  let fromBody: string | undefined
  let broken: Failure | undefined
  for (const [index, [key, param]] of places.entries()) {
    const later = places.slice(index + 1).filter(([, other]) => !other.optional && !(other.stdin && hasBody)).length
    const room = Math.max(0, left.length - later)
    const taken = left.splice(0, param.many ? room : param.optional ? Math.min(1, room) : 1)
    const values = taken.map(word => {
      const value = param.wire === 'multibase' ? decodeMultibase(param, word) : word
      if (typeof value !== 'string') broken ??= value
      return typeof value === 'string' ? value : ''
    })
    input[key] = param.many ? values : values[0]
    const takesBody = param.stdin && hasBody && fromBody === undefined
    // Kubo's own client sends the first value as an argument, and those that follow in the body.
    if (takesBody && (param.many || values.length === 0)) fromBody = key
    else if (values.length > 0) continue
    else if (!param.optional) throw new Failure('usage', `argument "${param.label}" is required`)
  }
  // What is left over is ignored, as Kubo does: the program on the other side cannot mend it.
  return { fromBody, broken }
}

function isArgument(param: Param): param is Argument {
  return param.place === 'argument'
}

function encodeArgument(argument: Argument, word: string): string {
  return argument.wire === 'multibase' ? `u${Buffer.from(nameToBytes(word)).toString('base64url')}` : word
}

const BASE64URL = /^[A-Za-z0-9_-]*=*$/
const HEX = /^(?:[0-9a-fA-F]{2})*$/

/** Clients send `u` (base64url); `f` (hex) and `m` (base64) cost nothing to take. Returns a Failure for other text. */
function decodeMultibase(argument: Argument, word: string): string | Failure {
  const body = word.slice(1)
  if (/^[uU]/.test(word) && BASE64URL.test(body)) return nameFromBytes(Buffer.from(body, 'base64url'))
  if (/^[mM]/.test(word) && /^[A-Za-z0-9+/]*=*$/.test(body)) return nameFromBytes(Buffer.from(body, 'base64'))
  if (/^[fF]/.test(word) && HEX.test(body)) return nameFromBytes(Buffer.from(body, 'hex'))
  const reason = /^[uUmMfF]/.test(word) ? `invalid characters in "${word}"` : 'selected encoding not supported'
  const problem = word === '' ? 'cannot decode multibase for zero length string' : reason
  return new Failure('usage', `URL arg must be multibase encoded: ${problem}`, {
    hint: `send the ${argument.label} as u and its bytes in base64url`,
  })
}
