import { Command as Commander, CommanderError, Option as CommanderOption } from 'commander'
import { Failure } from '../contract/failure.ts'
import { type Option, optionName } from '../contract/params.ts'

/** An option of the command, or one that every command takes. */
export interface KnownOption {
  readonly key: string
  readonly option: Option
  readonly global: boolean
  /** It belongs to a command above: it is read, and means nothing. */
  readonly isIdle?: boolean
}

/** Options by every spelling: `--name`, `-n`. */
export type KnownOptions = ReadonlyMap<string, KnownOption>

/** Takes the options out of the tokens; what is left are words. Throws `usage` Failures. */
export function readOptions(
  path: string,
  tokens: readonly string[],
  known: KnownOptions,
): { values: ReadonlyMap<KnownOption, unknown>; words: readonly string[] } {
  // To declare an option costs more than to read it: only those that are spelled are declared.
  const spelled = new Set(tokens.flatMap(token => spellings(token)).flatMap(spelling => known.get(spelling) ?? []))
  try {
    return readDeclared(path, tokens, spelled)
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
  }
  // Once more with all of them, for its suggestions.
  try {
    return readDeclared(path, tokens, new Set(known.values()))
  } catch (error) {
    if (error instanceof CommanderError) throw usageFailure(error, path)
    throw error
  }
}

function spellings(token: string): string[] {
  if (token.startsWith('--')) {
    const name = token.split('=')[0] ?? ''
    return [name, name.replace(/^--no-/, '--')]
  }
  return token.startsWith('-') ? [...token.slice(1)].map(letter => `-${letter}`) : []
}

function readDeclared(
  path: string,
  tokens: readonly string[],
  options: ReadonlySet<KnownOption>,
): { values: ReadonlyMap<KnownOption, unknown>; words: readonly string[] } {
  const parser = new Commander(path).helpOption(false).exitOverride().allowExcessArguments(true)
  parser.configureOutput({ writeErr: () => undefined, writeOut: () => undefined })
  for (const { option, key } of options) declare(parser, key, option)
  parser.parse(tokens, { from: 'user' })
  const found = parser.opts<Record<string, unknown>>()
  const values = new Map<KnownOption, unknown>()
  for (const entry of options) {
    const value = found[optionKey(entry.option, entry.key)]
    if (value !== undefined) values.set(entry, value)
  }
  return { values, words: parser.args }
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

function usageFailure(error: CommanderError, path: string): Failure {
  const message = error.message.replace(/^error: /, '').replace(/\n.*$/s, '')
  const suggestion = /Did you mean ([^?]*)\?/.exec(error.message)?.[1]
  const hint = suggestion === undefined ? `see tsipfs ${path} --help` : `did you mean ${suggestion}?`
  return new Failure('usage', message, { hint })
}
