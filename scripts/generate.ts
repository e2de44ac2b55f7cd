/**
 * Writes src/commands/index.ts: the table from the words of each command to the file that declares it.
 * Run it after adding or removing a command.
 */
import { readdirSync, writeFileSync } from 'node:fs'
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

writeFileSync(
  join(root, 'index.ts'),
  `// Written by scripts/generate.ts from the files of this folder.
import type { Command } from '../contract/command.ts'

/** Every command, by its words. A declaration is loaded when it is asked for. */
export const commands: Readonly<Record<string, () => Promise<Command>>> = {
${rows.join('\n')}
} as unknown as Readonly<Record<string, () => Promise<Command>>>
`,
)
