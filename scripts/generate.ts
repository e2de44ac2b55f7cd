/**
 * Writes src/commands/index.ts: the table from the words of each command to the file that declares it.
 * Run it after adding or removing a command. With --check it writes nothing, and fails when the file is not up to date.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'

const root = join(import.meta.dirname, '../src/commands')

/** Returns the files below a folder that declare a command. */
function commandFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    if (entry.isDirectory()) return commandFiles(join(folder, entry.name))
    const isCommand = entry.name.endsWith('.ts') && !/\.test\.ts$|^index\.ts$|^groups\.ts$|^_/.test(entry.name)
    return isCommand ? [relative(root, join(folder, entry.name))] : []
  })
}

const rows = commandFiles(root)
  .sort()
  .map(file => {
    const words = file.replace(/\.ts$/, '').split('/')
    const name = words.join('-').replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
    return `  '${words.join(' ')}': () => import('./${file}').then(module => module.${name}),`
  })

const table = `// Written by scripts/generate.ts from the files of this folder.
import type { Command } from '../contract/command.ts'

/** Every command, by its words. A declaration is loaded when it is asked for. */
export const commands: Readonly<Record<string, () => Promise<Command>>> = {
${rows.join('\n')}
} as unknown as Readonly<Record<string, () => Promise<Command>>>
`
const target = join(root, 'index.ts')
const isFresh = existsSync(target) && readFileSync(target, 'utf8') === table
if (process.argv.includes('--check')) {
  if (!isFresh) console.error(`${target} is not up to date: run 'npm run generate'`)
  process.exitCode = isFresh ? 0 : 1
} else if (!isFresh) writeFileSync(target, table)
