import { groups } from '../commands/groups.ts'
import { commands } from '../commands/index.ts'
import type { Io } from '../contract/io.ts'
import { findCommand } from './find-command.ts'
import type { GlobalValues } from './global-options.ts'
import { offersFor } from './offers.ts'

/**
 * Prints what fits at the end of a command line, one word a line, for the completion scripts; `:files` and `:folders`
 * ask the shell for its own. After a word that ends in `/`, `.` or `=` something is to follow.
 */
export async function complete(words: readonly string[], io: Io): Promise<void> {
  const typed = words.at(-1) ?? ''
  const isCommand = (path: string): boolean => Object.hasOwn(commands, path)
  const isPrefix = (path: string): boolean =>
    Object.hasOwn(groups, path) || Object.keys(commands).some(name => name.startsWith(`${path} `))
  const found = findCommand(words.slice(0, -1), isCommand, isPrefix)
  const command = await commands[found.path]?.()
  const prefix = found.path === '' ? '' : `${found.path} `
  const children = Object.keys({ ...commands, ...groups })
    .filter(name => name.startsWith(prefix) && name !== found.path)
    .map(name => name.slice(prefix.length).split(' ')[0] ?? '')
  const offers = offersFor(command, [...new Set(children)].sort(), found.rest, words)
  const { living, files, before } = offers
  const fitting = [...offers.words]
  if (living !== undefined) {
    const { livingWords } = await import('./living-words.ts')
    fitting.push(...(await livingWords(living, typed.slice(before.length), io, placeOf(words))))
  }
  const lines = fitting.map(word => `${before}${word}`).filter(word => word.startsWith(typed))
  if (files !== 'none') lines.push(`:${files}`)
  await io.out.write(lines.map(line => `${line}\n`).join(''))
}

/** Returns which repo, or which node, the command line names. */
function placeOf(words: readonly string[]): GlobalValues {
  const given = (...names: readonly string[]): string | undefined => {
    for (const [at, word] of words.slice(0, -1).entries()) {
      for (const name of names) {
        if (word === name) return words[at + 1]
        if (word.startsWith(`${name}=`)) return word.slice(name.length + 1)
      }
    }
    return undefined
  }
  return { repoDir: given('--repo-dir', '--config', '-c'), api: given('--api'), apiAuth: given('--api-auth') }
}
