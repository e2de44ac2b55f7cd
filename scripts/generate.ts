/**
 * Writes what is derived from the declarations: src/commands/index.ts (the table from the words of each command to
 * its file and its summary), the manual pages in man/, and the reference in docs/reference/.
 * Run it after changing a declaration. Without `--all` it writes the table alone; with `--check` nothing is written,
 * and the run fails when anything is not up to date.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const root = join(import.meta.dirname, '..')
const folder = join(root, 'src/commands')
const isCheck = process.argv.includes('--check')
let stale = 0

/** Returns the files below a folder that declare a command. */
function commandFiles(below: string): string[] {
  return readdirSync(below, { withFileTypes: true }).flatMap(entry => {
    if (entry.isDirectory()) return commandFiles(join(below, entry.name))
    const isCommand = entry.name.endsWith('.ts') && !/\.test\.ts$|^index\.ts$|^groups\.ts$|^_/.test(entry.name)
    return isCommand ? [relative(folder, join(below, entry.name))] : []
  })
}

function put(target: string, text: string): void {
  if (existsSync(target) && readFileSync(target, 'utf8') === text) return
  if (isCheck) {
    console.error(`${relative(root, target)} is not up to date: run 'npm run generate'`)
    stale += 1
    return
  }
  mkdirSync(dirname(target), { recursive: true })
  writeFileSync(target, text)
}

function removeOthers(below: string, kept: ReadonlySet<string>): void {
  for (const name of existsSync(below) ? readdirSync(below) : []) {
    if (kept.has(name)) continue
    if (isCheck) {
      console.error(`${relative(root, join(below, name))} belongs to no command: run 'npm run generate'`)
      stale += 1
    } else rmSync(join(below, name))
  }
}

const declared = commandFiles(folder)
  .sort()
  .map(file => {
    const words = file.replace(/\.ts$/, '').split('/')
    const name = words.join('-').replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
    return { file, name, path: words.join(' ') }
  })

async function summaryOf(file: string, name: string): Promise<string> {
  const module = (await import(join(folder, file))) as Readonly<
    Record<string, { readonly summary?: string } | undefined>
  >
  const summary = module[name]?.summary
  if (summary === undefined) throw new Error(`src/commands/${file} exports no command ${name}`)
  return JSON.stringify(summary)
}

const rows = declared.map(
  ({ file, name, path }) => `  '${path}': () => import('./${file}').then(module => module.${name}),`,
)
const summaries = await Promise.all(
  declared.map(async ({ file, name, path }) => `    '${path}': ${await summaryOf(file, name)},`),
)

put(
  join(folder, 'index.ts'),
  `// Written by scripts/generate.ts from the files of this folder.
import type { Command } from '../contract/command.ts'

/** Every command, by its words. A declaration is loaded when it is asked for. */
export const commands: Readonly<Record<string, () => Promise<Command>>> = {
${rows.join('\n')}
} as unknown as Readonly<Record<string, () => Promise<Command>>>

/** Returns the summary of each command by its words: the help of a group is shown without loading what is in it. */
export function summaries(): Readonly<Record<string, string>> {
  return {
${summaries.join('\n')}
  }
}
`,
)

if (isCheck || process.argv.includes('--all')) {
  const { manualPages } = await import('./manual-pages.ts')
  const { referencePages } = await import('./reference-pages.ts')
  for (const [below, pages] of [
    ['man', await manualPages()],
    ['docs/reference', await referencePages()],
  ] as const) {
    for (const [name, text] of pages) put(join(root, below, name), text)
    removeOthers(join(root, below), new Set(pages.keys()))
  }
}
process.exitCode = stale > 0 ? 1 : 0
