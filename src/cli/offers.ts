import type { Command } from '../contract/command.ts'
import { type Completion, type Option, optionName, type Param } from '../contract/params.ts'
import { globalOptions } from './global-options.ts'

/** What a shell should offer in one place: words, and whether file names fit too. */
export interface Offers {
  readonly words: readonly string[]
  readonly files: 'none' | 'files' | 'folders'
  /** Values that live in the repo and must be asked for. */
  readonly living: Completion | undefined
  /** What stands before the words in what is typed: `--key=`. */
  readonly before: string
}

const NOTHING: Offers = { words: [], files: 'none', living: undefined, before: '' }

/**
 * Returns what fits at the end of a command line. `words` are those after the program's name, the last one being
 * typed; `rest` what is left of them without the words of the command; `children` are its direct subcommands.
 */
export function offersFor(
  command: Command | undefined,
  children: readonly string[],
  rest: readonly string[],
  words: readonly string[],
): Offers {
  const typed = words.at(-1) ?? ''
  const params = Object.entries(command?.params ?? {})
  const all: readonly (readonly [string, Param])[] = [...params, ...Object.entries(globalOptions)]
  const options = all.filter((entry): entry is readonly [string, Option] => entry[1].place === 'option')
  const isEnded = words.slice(0, -1).includes('--')
  if (!isEnded) {
    const asked = options.find(([key, option]) => takesNext(key, option, words.at(-2)))
    if (asked !== undefined) return valuesOf(asked[1], '')
    const given = options.find(([key, option]) => typed.startsWith(`--${optionName(key, option)}=`))
    if (given !== undefined) return valuesOf(given[1], typed.slice(0, typed.indexOf('=') + 1))
    if (typed.startsWith('-')) {
      const shown = options.filter(([, option]) => option.deprecated !== true)
      const names = shown.map(([key, option]) => `--${optionName(key, option)}`)
      return { ...NOTHING, words: [...new Set(names)].filter(name => name.length > 3) }
    }
  }
  const count = argumentCount(rest, options)
  const places = params.map(([, param]) => param).filter(param => param.place !== 'option')
  const place = places[count] ?? places.findLast(({ many }) => many)
  const offered = place === undefined ? NOTHING : place.place === 'files' ? FILES : valuesOf(place, '')
  return count > 0 ? offered : { ...offered, words: [...children, ...offered.words] }
}

const FILES: Offers = { ...NOTHING, files: 'files' }

function takesNext(key: string, option: Option, word: string | undefined): boolean {
  if (option.kind === 'flag' || word === undefined) return false
  return (
    word === `--${optionName(key, option)}` ||
    word === `-${option.short ?? '-'}` ||
    option.aliases?.some(alias => word === `--${alias}`) === true
  )
}

/** Counts the arguments among words: what is no option, and no value of one. */
function argumentCount(words: readonly string[], options: readonly (readonly [string, Option])[]): number {
  let count = 0
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    if (!word.startsWith('-') || word === '-') count += 1
    else if (options.some(([key, option]) => takesNext(key, option, word))) at += 1
  }
  return count
}

function valuesOf(param: Exclude<Param, { place: 'files' }>, before: string): Offers {
  const { complete } = param
  const words = param.place === 'option' ? (param.values ?? param.offers ?? []) : []
  if (complete === 'file') return { words, before, files: 'files', living: undefined }
  if (complete === 'folder') return { words, before, files: 'folders', living: undefined }
  return { words, before, files: 'none', living: complete }
}
