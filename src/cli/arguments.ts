import type { Command } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import type { Io } from '../contract/io.ts'
import type { Argument, Files } from '../contract/params.ts'
import type { Parsed } from './parse.ts'

const LINE_BYTES_MAX = 1024 * 1024

/**
 * Returns what a command is to be run with, its arguments complete: those that are missing are read from standard input
 * where the command allows it. With `--stdin` further arguments are read from there, also in place of a `-`; a command
 * that takes one argument is then run once for each, and not at all when none came. Throws a `usage` Failure for an argument that is missing.
 */
export async function argumentsOfRuns(
  command: Pick<Command, 'path' | 'params'>,
  parsed: Parsed,
  io: Io,
): Promise<readonly Parsed[]> {
  const isAsked = parsed.globals.stdin === true
  const place = placeOfMore(command, parsed, isAsked)
  if (place === undefined) {
    if (isAsked) throw new Failure('usage', `"${command.path}" takes no further arguments: leave out --stdin`)
    return [await completeArguments(command, parsed, io)]
  }
  const [key, param] = place
  const given = parsed.input[key]
  const lines = await readLines(io, parsed.globals.null === true)
  const words = param.place === 'files' ? parsed.paths : Array.isArray(given) ? given.map(String) : []
  // Nothing came: nothing is to be done.
  if (lines.length === 0 && words.every(word => word === '-')) return []
  if (param.place === 'files') return [{ ...parsed, paths: merge(parsed.paths, lines) }]
  if (param.many) {
    return [await completeArguments(command, { ...parsed, input: { ...parsed.input, [key]: merge(words, lines) } }, io)]
  }
  const each = lines.map(line => ({ ...parsed, input: { ...parsed.input, [key]: line } }))
  return await Promise.all(each.map(one => completeArguments(command, one, io)))
}

type Place = readonly [key: string, param: Argument | Files]

/** Returns the argument that takes more from standard input, if any does. */
function placeOfMore(command: Pick<Command, 'params'>, parsed: Parsed, isAsked: boolean): Place | undefined {
  const places = Object.entries(command.params).flatMap(([key, param]): Place[] =>
    param.place === 'option' ? [] : [[key, param]],
  )
  const isOpen = ([key, param]: Place): boolean =>
    param.many || (param.place === 'files' ? parsed.paths.length === 0 : isMissing(parsed.input[key]))
  if (isAsked) return places.find(isOpen)
  // A lone - among arguments that may come from standard input stands for them. Among files it is a file.
  return places.find(
    ([key, param]) =>
      param.place === 'argument' && param.stdin && (parsed.input[key] === '-' || hasDash(parsed.input[key])),
  )
}

function hasDash(value: unknown): boolean {
  return Array.isArray(value) && value.includes('-')
}

function isMissing(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0)
}

/** Puts lines in the place of the first `-`, else at the end. */
function merge(words: readonly string[], lines: readonly string[]): string[] {
  const at = words.indexOf('-')
  return at < 0 ? [...words, ...lines] : [...words.slice(0, at), ...lines, ...words.slice(at + 1)]
}

/** Returns what was parsed, with arguments that are missing read from standard input where the command allows it. */
async function completeArguments(command: Pick<Command, 'path' | 'params'>, parsed: Parsed, io: Io): Promise<Parsed> {
  const input: Record<string, unknown> = { ...parsed.input }
  for (const [key, param] of Object.entries(command.params)) {
    if (param.place === 'option') continue
    if (param.place === 'files') {
      const missing = parsed.paths.length === 0 && !param.optional && (!param.stdin || io.terminal.in)
      if (missing) throw missingArgument(param.label, command.path)
      continue
    }
    if (!isMissing(input[key])) continue
    if (param.stdin && !io.terminal.in) {
      const lines = await readLines(io, parsed.globals.null === true)
      if (lines.length > 0) {
        input[key] = param.many ? lines : lines[0]
        continue
      }
    }
    if (!param.optional) throw missingArgument(param.label, command.path)
    if (param.many) input[key] = []
  }
  return { ...parsed, input }
}

function missingArgument(label: string, path: string): Failure {
  return new Failure('usage', `argument "${label}" is required`, { hint: `see tsipfs ${path} --help` })
}

async function readLines(io: Io, isNull: boolean): Promise<string[]> {
  const decoder = new TextDecoder()
  const end = isNull ? '\0' : /\r?\n/
  const lines: string[] = []
  let rest = ''
  for await (const chunk of io.stdin) {
    rest += decoder.decode(chunk, { stream: true })
    const parts = rest.split(end)
    rest = parts.pop() ?? ''
    if (rest.length > LINE_BYTES_MAX) throw new Failure('usage', 'a line on standard input is longer than 1 MiB')
    lines.push(...parts)
  }
  // Without a NUL it is lines all the same.
  if (isNull && lines.length === 0) return rest.split(/\r?\n/).filter(line => line !== '')
  lines.push(rest)
  return lines.filter(line => line !== '')
}
