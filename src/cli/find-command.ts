import { optionName } from '../contract/params.ts'
import { globalOptions } from './global-options.ts'

/** Which command an argv names, and what is left of it. */
export interface Found {
  /** The words of the command or of a group: `pin add`, `pin`; empty for the program itself. */
  readonly path: string
  /** argv without those words. */
  readonly rest: readonly string[]
  /** The first word that is no command, when `path` is only a group. */
  readonly unknown: string | undefined
  /** The first option before the command that is not one of all commands, nor of the group. */
  readonly stray?: string | undefined
}

/** Options that Kubo has on a group: they may stand before the last word of a command, too. */
const GROUP_OPTIONS: Readonly<Record<string, RegExp>> = {
  files: /^(-f|--flush)(=|$)/,
  'object patch': /^--allow-big-block(=|$)/,
}

/**
 * Finds the command words in argv. Global options may stand before and between them, as with Kubo. Once a command
 * is found, the first other option ends the search for a longer one.
 */
export function findCommand(
  args: readonly string[],
  isCommand: (path: string) => boolean,
  isPrefix: (path: string) => boolean,
): Found {
  const rest: string[] = []
  let path = ''
  let stray: string | undefined
  let at = 0
  for (; at < args.length; at++) {
    const token = args[at] ?? ''
    if (token === '--') break
    if (token.startsWith('-') && token !== '-') {
      const takesValue = globalTakesValue(token)
      if (takesValue === undefined && isCommand(path)) break
      if (takesValue === undefined && GROUP_OPTIONS[path]?.test(token) !== true) stray ??= token
      rest.push(token)
      if (takesValue === true && at + 1 < args.length) rest.push(args[++at] ?? '')
      continue
    }
    const longer = path === '' ? token : `${path} ${token}`
    if (!isCommand(longer) && !isPrefix(longer)) break
    path = longer
  }
  const next = args[at]
  const unknown = !isCommand(path) && next !== undefined && next !== '--' ? next : undefined
  return { path, rest: [...rest, ...args.slice(at)], unknown, ...(stray === undefined ? {} : { stray }) }
}

/** Returns whether a global option takes its value from the next token; undefined when it is no global option. */
function globalTakesValue(token: string): boolean | undefined {
  for (const [key, option] of Object.entries(globalOptions)) {
    const names = [`--${optionName(key, option)}`, ...(option.aliases ?? []).map(alias => `--${alias}`)]
    if (option.short !== undefined) names.push(`-${option.short}`)
    if (names.includes(token)) return option.kind !== 'flag'
    if (names.some(name => name.startsWith('--') && token.startsWith(`${name}=`))) return false
  }
  return undefined
}
