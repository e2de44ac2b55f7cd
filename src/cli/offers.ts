import type { Command } from '../contract/command.ts'
import type { Completion } from '../contract/params.ts'
import { optionName } from '../contract/params.ts'
import { globalOptions } from './global-options.ts'

/** What a shell should offer in one place: words, and whether file names fit too. */
export interface Offers {
  readonly words: readonly string[]
  readonly files: 'none' | 'files' | 'folders'
  /** Values that live in the repo and must be asked for. */
  readonly living: Completion | undefined
}

const SHELL_KINDS: readonly Completion[] = ['file', 'folder']

/**
 * Returns what fits at the end of a command line. `words` are those after the program's name, the last one being
 * typed; `children` are the direct subcommands of what was found so far.
 */
export function offersFor(command: Command | undefined, children: readonly string[], words: readonly string[]): Offers {
  const typed = words.at(-1) ?? ''
  const before = words.at(-2)
  const options = command === undefined ? [] : Object.entries(command.params)
  const all = [...options, ...Object.entries(globalOptions)]
  for (const [key, param] of all) {
    if (param.place !== 'option' || param.kind === 'flag') continue
    const name = `--${optionName(key, param)}`
    const isAsked = before === name || (param.short !== undefined && before === `-${param.short}`)
    if (isAsked) return offerValues(param.values ?? [], param.complete, '')
    if (typed.startsWith(`${name}=`)) return offerValues(param.values ?? [], param.complete, `${name}=`)
  }
  if (typed.startsWith('-')) {
    const names = all.flatMap(([key, param]) => (param.place === 'option' ? [`--${optionName(key, param)}`] : []))
    return { words: [...new Set(names)].filter(name => name.length > 3), files: 'none', living: undefined }
  }
  const place = options.find(([, param]) => param.place !== 'option')?.[1]
  if (place === undefined || place.place === 'option') return { words: children, files: 'none', living: undefined }
  if (place.place === 'files') return { words: children, files: place.folders ? 'files' : 'files', living: undefined }
  const offered = offerValues([], place.complete, '')
  return { ...offered, words: [...children, ...offered.words] }
}

function offerValues(values: readonly string[], complete: Completion | undefined, prefix: string): Offers {
  const isFile = complete !== undefined && SHELL_KINDS.includes(complete)
  return {
    words: values.map(value => `${prefix}${value}`),
    files: complete === 'file' ? 'files' : complete === 'folder' ? 'folders' : 'none',
    living: isFile ? undefined : complete,
  }
}
