import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { groups } from '../src/commands/groups.ts'
import { commands } from '../src/commands/index.ts'
import type { Command } from '../src/contract/command.ts'

/** Returns every command by its words, loaded and sorted. Throws when a file does not export what its name says. */
export async function loadDeclarations(): Promise<Map<string, Command>> {
  const loaded = new Map<string, Command>()
  for (const [path, load] of Object.entries(commands).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const command = await load()
    if (command === undefined) throw new Error(`src/commands: the file of "${path}" exports no command of that name`)
    if (command.path !== path) throw new Error(`src/commands: the file of "${path}" declares "${command.path}"`)
    loaded.set(path, command)
  }
  return loaded
}

/** Returns the direct children of a path, commands and groups, sorted, each with its summary. */
export function childrenOf(path: string, declared: ReadonlyMap<string, Command>): { path: string; summary: string }[] {
  const prefix = path === '' ? '' : `${path} `
  const names = new Set<string>()
  for (const name of [...declared.keys(), ...groupPaths(declared)]) {
    const isBelow = name !== path && name.startsWith(prefix)
    if (isBelow) names.add(`${prefix}${name.slice(prefix.length).split(' ')[0]}`)
  }
  return [...names].sort().map(name => ({ path: name, summary: declared.get(name)?.summary ?? groups[name] ?? '' }))
}

/** Returns the words that only hold commands together, of those that hold any. */
export function groupPaths(declared: ReadonlyMap<string, Command>): string[] {
  return Object.keys(groups).filter(
    group => !declared.has(group) && [...declared.keys()].some(path => path.startsWith(`${group} `)),
  )
}

/** Returns the version of the project. */
export function projectVersion(): string {
  const text = readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')
  return String((JSON.parse(text) as { version: unknown }).version)
}
