import { base58btc } from 'multiformats/bases/base58'
import * as Digest from 'multiformats/hashes/digest'
import { parseDuration } from '../contract/duration.ts'
import { Failure } from '../contract/failure.ts'
import { CONFIG_SHAPE, type Shape } from './config-schema.ts'
import type { Config } from './roles.ts'

/** Returns the value at a dotted key. Throws a `not-found` Failure in Kubo's words. */
export function valueAt(config: Config, key: string): unknown {
  let value: unknown = config
  const parts = key.split('.')
  for (const [at, part] of parts.entries()) {
    if (!isObject(value)) throw new Failure('failed', `${parts.slice(0, at).join('.')} key is not a map`)
    if (!Object.hasOwn(value, part)) throw new Failure('not-found', `${parts.slice(0, at + 1).join('.')} not found`)
    value = value[part]
  }
  return value
}

/** Puts a value at a dotted key of `config` itself, making the objects on the way. */
export function putAt(config: Config, key: string, value: unknown): void {
  const parts = key.split('.')
  const last = parts.pop() ?? ''
  let cursor: Record<string, unknown> = config
  for (const [at, part] of parts.entries()) {
    const next = Object.hasOwn(cursor, part) ? cursor[part] : undefined
    if (isObject(next)) {
      cursor = next
      continue
    }
    if (next !== undefined && next !== null) {
      throw new Failure('failed', `${parts.slice(0, at + 1).join('.')} key is not a map`)
    }
    const made: Record<string, unknown> = {}
    define(cursor, part, made)
    cursor = made
  }
  define(cursor, last, value)
}

/** Returns the shape of what may stand at a dotted key. Throws a `usage` Failure for a key that there is not. */
export function shapeAt(key: string): Shape {
  let shape: Shape = CONFIG_SHAPE
  const parts = key.split('.')
  for (const [at, part] of parts.entries()) {
    if (shape.kind === 'struct') {
      const field = shape.fields.get(part)
      if (field === undefined) throw new Failure('usage', `${parts.slice(0, at + 1).join('.')} not found`)
      shape = field.shape
    } else if (shape.kind === 'map') {
      shape = shape.of
    } else if (shape.kind !== 'any') {
      throw new Failure('usage', `${parts.slice(0, at).join('.')} key is not a map`)
    }
  }
  return shape
}

/** Returns the keys below a section, which ends in a dot, or of the whole config; those that are sections end in a dot. */
export function keysBelow(section: string): string[] {
  let shape: Shape | undefined = CONFIG_SHAPE
  for (const part of section.split('.').slice(0, -1)) {
    shape = shape?.kind === 'struct' ? shape.fields.get(part)?.shape : undefined
  }
  if (shape?.kind !== 'struct') return []
  return [...shape.fields].map(([name, field]) => `${section}${name}${field.shape.kind === 'struct' ? '.' : ''}`)
}

/** Returns the key with the letter case of the config for one in any case; undefined when there is none. */
export function keyInAnyCase(key: string): string | undefined {
  let shape: Shape = CONFIG_SHAPE
  const found: string[] = []
  for (const part of key.split('.')) {
    if (shape.kind === 'struct') {
      const entry = [...shape.fields].find(([name]) => name.toLowerCase() === part.toLowerCase())
      if (entry === undefined) return undefined
      found.push(entry[0])
      shape = entry[1].shape
    } else {
      found.push(part)
      if (shape.kind === 'map') shape = shape.of
      else if (shape.kind !== 'any') return undefined
    }
  }
  return found.join('.')
}

/** Returns the value that a text stands for where a value of this shape is wanted. Throws a `usage` Failure. */
export function valueFromText(shape: Shape, text: string, key: string): unknown {
  switch (shape.kind) {
    case 'text':
    case 'optionalText':
    case 'duration':
    case 'bytes':
    case 'autonatMode':
      return text
    case 'strings':
      return text.startsWith('[') ? fromJson(text, key) : text
    case 'list':
      if (text.startsWith('[') || text.startsWith('{')) return fromJson(text, key)
      return text === '' ? [] : text.split(',')
    case 'any':
      try {
        return JSON.parse(text)
      } catch {
        return text
      }
    default:
      return fromJson(text, key)
  }
}

/** Returns what is wrong with the types of a config, in one line; undefined when it is sound. Unknown keys are sound. */
export function problemOf(value: unknown, shape: Shape = CONFIG_SHAPE, key = ''): string | undefined {
  if (value === null || value === undefined) return undefined
  if (shape.kind === 'struct') {
    if (!isObject(value)) return wrong(key, value, 'an object')
    for (const [name, field] of shape.fields) {
      if (!Object.hasOwn(value, name)) continue
      const problem = problemOf(value[name], field.shape, key === '' ? name : `${key}.${name}`)
      if (problem !== undefined) return problem
    }
    return undefined
  }
  if (shape.kind === 'map') {
    if (!isObject(value)) return wrong(key, value, 'an object')
    for (const [name, item] of Object.entries(value)) {
      const problem = problemOf(item, shape.of, `${key}.${name}`)
      if (problem !== undefined) return problem
    }
    return undefined
  }
  if (shape.kind === 'list') {
    if (!Array.isArray(value)) {
      return wrong(key, value, shape.of.kind === 'struct' ? 'a list of objects' : 'a list of strings')
    }
    for (const [at, item] of value.entries()) {
      const problem = problemOf(item, shape.of, `${key}[${at}]`)
      if (problem !== undefined) return problem
    }
    return undefined
  }
  return scalarProblem(value, shape.kind, key)
}

/** Returns a config in which every key that Kubo writes stands, in Kubo's order; keys that it does not know come last. */
export function completeConfig(config: Config): Config {
  return complete(config, CONFIG_SHAPE) as Config
}

/** Returns a config with all keys in alphabetical order, as Kubo's file is after its first change. */
export function sortKeys<T>(value: T): T {
  if (Array.isArray(value)) return value.map(sortKeys) as T
  if (!isObject(value)) return value
  const sorted: Record<string, unknown> = {}
  for (const key of Object.keys(value).sort()) define(sorted, key, sortKeys(value[key]))
  return sorted as T
}

/** Returns a value as Go's encoding/json indents it. */
export function prettyJson(value: unknown): string {
  return goEscapes(JSON.stringify(value, undefined, 2) ?? 'null')
}

/** Returns the bytes of a size like `10GB`, `256KiB` or `1048576`. Throws a `usage` Failure. */
export function parseByteSize(text: string): number {
  const match = /^\s*([\d.,]+)\s*([a-z]*)\s*$/i.exec(text)
  const unit = UNITS[match?.[2]?.toLowerCase() ?? '']
  const count = Number(match?.[1]?.replaceAll(',', '') ?? Number.NaN)
  if (unit === undefined || !Number.isFinite(count)) {
    throw new Failure('usage', `invalid size "${text}"`, { hint: 'write it like 10GB, 256KiB or 1048576' })
  }
  return Math.floor(count * unit)
}

/** Returns true for an object that is no list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const UNITS: Readonly<Record<string, number>> = Object.fromEntries([
  ['', 1],
  ['b', 1],
  ...['k', 'm', 'g', 't', 'p', 'e'].flatMap((letter, at): [string, number][] => [
    [letter, 1000 ** (at + 1)],
    [`${letter}b`, 1000 ** (at + 1)],
    [`${letter}i`, 1024 ** (at + 1)],
    [`${letter}ib`, 1024 ** (at + 1)],
  ]),
])

const WANTED: Readonly<Record<string, string>> = {
  text: 'a string',
  optionalText: 'a string or null',
  bool: 'true or false',
  flag: 'true, false or null',
  int: 'a whole number',
  integer: 'a whole number or null',
  priority: 'a positive number, false or null',
  strings: 'a string or a list of strings',
  duration: 'a duration like 30s or 12h',
  bytes: 'a size like 256KiB',
  autonatMode: '"enabled", "disabled" or "legacy-v1"',
  peerId: 'a peer ID',
  multiaddr: 'a multiaddr like /ip4/127.0.0.1/tcp/4001',
  obsolete: 'left out: this key has been removed',
}

function scalarProblem(value: unknown, kind: string, key: string): string | undefined {
  return fits(value, kind) ? undefined : wrong(key, value, WANTED[kind] ?? kind)
}

function fits(value: unknown, kind: string): boolean {
  switch (kind) {
    case 'text':
    case 'optionalText':
      return typeof value === 'string'
    case 'bool':
    case 'flag':
      return typeof value === 'boolean'
    case 'int':
    case 'integer':
      return Number.isInteger(value)
    case 'priority':
      return value === false || (Number.isInteger(value) && Number(value) > 0)
    case 'strings':
      return typeof value === 'string' || (Array.isArray(value) && value.every(item => typeof item === 'string'))
    case 'duration':
      return (
        value === 0 || (typeof value === 'string' && (['', 'default', 'null'].includes(value) || isDuration(value)))
      )
    case 'bytes':
      return typeof value === 'number' || (typeof value === 'string' && isByteSize(value))
    case 'peerId':
      return typeof value === 'string' && isPeerId(value)
    case 'multiaddr':
      // Which protocols there are is for the network to know.
      return typeof value === 'string' && /^(\/[^/]+)+\/?$/.test(value)
    case 'autonatMode':
      return typeof value === 'string' && ['', 'enabled', 'disabled', 'legacy-v1'].includes(value)
    case 'obsolete':
      return value === false || (isObject(value) && Object.keys(value).length === 0)
    default:
      return true
  }
}

/** A multihash in base58btc, or the CID of a key, of which the form is enough here. */
function isPeerId(text: string): boolean {
  if (/^[BFKZbfkz][0-9A-Za-z]{40,200}$/.test(text)) return true
  try {
    return Digest.decode(base58btc.baseDecode(text)).size > 0
  } catch {
    return false // It is none.
  }
}

function isDuration(text: string): boolean {
  try {
    parseDuration(text)
    return true
  } catch {
    return false
  }
}

function isByteSize(text: string): boolean {
  try {
    parseByteSize(text)
    return true
  } catch {
    return false
  }
}

function wrong(key: string, value: unknown, wanted: string): string {
  const is = Array.isArray(value) ? 'a list' : isObject(value) ? 'an object' : JSON.stringify(value)
  return `${key === '' ? 'the config' : key} must be ${wanted}, not ${is}`
}

function complete(value: unknown, shape: Shape): unknown {
  if (shape.kind !== 'struct') {
    if (value !== undefined && value !== null) return value
    return shape.kind === 'text' ? '' : shape.kind === 'bool' ? false : shape.kind === 'int' ? 0 : null
  }
  const given = isObject(value) ? value : {}
  const full: Record<string, unknown> = {}
  for (const [name, field] of shape.fields) {
    const present = Object.hasOwn(given, name) && given[name] !== null && given[name] !== undefined
    if (present || !field.optional) full[name] = complete(present ? given[name] : undefined, field.shape)
  }
  for (const [name, other] of Object.entries(given)) if (!shape.fields.has(name)) define(full, name, other)
  return full
}

function fromJson(text: string, key: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Failure('usage', `${key}: "${text}" is no JSON value`, { cause: error })
  }
}

/** Sets an own property whatever its name: `__proto__` too. */
function define(object: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true })
}

function goEscapes(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, letter => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
