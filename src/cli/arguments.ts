import type { Command } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import type { Io } from '../contract/io.ts'
import type { Parsed } from './parse.ts'

const LINE_BYTES_MAX = 1024 * 1024

/**
 * Returns the input with arguments read from standard input where the command allows it and none was given.
 * Throws a `usage` Failure for one that is missing.
 */
export async function completeArguments(
  command: Pick<Command, 'path' | 'params'>,
  parsed: Parsed,
  io: Io,
): Promise<Record<string, unknown>> {
  const input = { ...parsed.input }
  for (const [key, param] of Object.entries(command.params)) {
    if (param.place === 'option') continue
    if (param.place === 'files') {
      const missing = parsed.paths.length === 0 && !param.optional && (!param.stdin || io.terminal.in)
      if (missing) throw missingArgument(param.label, command.path)
      continue
    }
    const value = input[key]
    const isMissing = value === undefined || (Array.isArray(value) && value.length === 0)
    if (!isMissing) continue
    if (param.stdin && !io.terminal.in) {
      const lines = await readLines(io)
      if (lines.length > 0) {
        input[key] = param.many ? lines : lines[0]
        continue
      }
    }
    if (!param.optional) throw missingArgument(param.label, command.path)
    if (param.many) input[key] = []
  }
  return input
}

function missingArgument(label: string, path: string): Failure {
  return new Failure('usage', `argument "${label}" is required`, { hint: `see tsipfs ${path} --help` })
}

async function readLines(io: Io): Promise<string[]> {
  const decoder = new TextDecoder()
  const lines: string[] = []
  let rest = ''
  for await (const chunk of io.stdin) {
    rest += decoder.decode(chunk, { stream: true })
    const parts = rest.split(/\r?\n/)
    rest = parts.pop() ?? ''
    if (rest.length > LINE_BYTES_MAX) throw new Failure('usage', 'a line on standard input is longer than 1 MiB')
    lines.push(...parts)
  }
  lines.push(rest)
  return lines.map(line => line.trim()).filter(line => line !== '')
}
