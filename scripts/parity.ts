/**
 * Writes docs/parity.md: each command and option of Kubo against what we declare and what the recorded command lines
 * showed, each difference with its reason, each group of the reference suite with its counts. Nothing in it is written by
 * hand. Usage: parity.ts; it runs the shared corpus one-shot and beside a daemon, and reads what the last run of the
 * reference suite left in dist/reference.json. TSIPFS_SHARED names the folder of the shared suites.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { findCommand } from '../src/cli/find-command.ts'
import { globalOptions } from '../src/cli/global-options.ts'
import type { Command } from '../src/contract/command.ts'
import { type Option, optionName, type Params } from '../src/contract/params.ts'
import { loadDeclarations, projectVersion } from './declarations.ts'

const root = resolve(import.meta.dirname, '..')
const shared = resolve(root, process.env.TSIPFS_SHARED ?? '../shared')

interface CaseResult {
  readonly id: string
  readonly mode: string
  readonly result: 'passed' | 'failed' | 'skipped'
}

interface CorpusCase {
  readonly name: string
  readonly setup?: readonly { readonly args?: readonly string[] }[]
  readonly steps: readonly { readonly args?: readonly string[] }[]
}

/** How often a command or option took part in a case that passed, and that failed. */
interface Shown {
  passed: number
  failed: number
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'))
}

function runCorpus(folder: string): CaseResult[] {
  const file = join(folder, 'results.json')
  const args = ['--bin', join(root, 'bin/tsipfs'), '--mode', 'both', '--jobs', '2', '--slow', '3', '--json', file]
  spawnSync(join(shared, 'conformance/run'), args, { stdio: ['ignore', 'ignore', 'inherit'] })
  return (readJson(file) as { results: CaseResult[] }).results
}

/** Returns the words and options of Kubo: `add`, then `add --chunker`, with the short form behind a slash. */
function kuboSurface(): { command: string; option: string | undefined; text: string }[] {
  const lines = readFileSync(join(shared, 'conformance/commands.txt'), 'utf8').split('\n')
  return lines
    .map(line => line.trim().replace(/^ipfs ?/, ''))
    .filter(line => line !== '')
    .map(line => {
      const at = line.search(/(^| )-/)
      const command = (at < 0 ? line : line.slice(0, at)).trim()
      const option = at < 0 ? undefined : line.slice(at).trim().split(' / ')[0]?.trim()
      return { command, option, text: line }
    })
}

function optionsOf(params: Params): Map<string, string> {
  const names = new Map<string, string>()
  for (const [key, param] of Object.entries(params)) {
    if (param.place !== 'option') continue
    const name = `--${optionName(key, param as Option)}`
    names.set(name, name)
    if (param.short !== undefined) names.set(`-${param.short}`, name)
    for (const alias of param.aliases ?? []) names.set(`--${alias}`, name)
  }
  return names
}

/** Counts for every command and option in which cases it took part. */
function countShown(results: readonly CaseResult[], declared: ReadonlyMap<string, Command>): Map<string, Shown> {
  const outcome = new Map<string, 'passed' | 'failed'>()
  for (const { id, result } of results) {
    if (result !== 'skipped' && outcome.get(id) !== 'failed') outcome.set(id, result)
  }
  const shown = new Map<string, Shown>()
  const folder = join(shared, 'conformance/cases')
  for (const name of readdirSync(folder).filter(file => file.endsWith('.json'))) {
    const { group, cases } = readJson(join(folder, name)) as { group: string; cases: CorpusCase[] }
    for (const one of cases) {
      const result = outcome.get(`${group}/${one.name}`)
      if (result === undefined) continue
      for (const { args } of [...(one.setup ?? []), ...one.steps]) {
        for (const key of new Set(keysOf(args ?? [], declared))) {
          // What a case is about is its group; the other commands only prepare it.
          if (result === 'failed' && key.split(' ')[0] !== group) continue
          const counts = shown.get(key) ?? { passed: 0, failed: 0 }
          counts[result] += 1
          shown.set(key, counts)
        }
      }
    }
  }
  return shown
}

function keysOf(args: readonly string[], declared: ReadonlyMap<string, Command>): string[] {
  const isPrefix = (path: string): boolean => [...declared.keys()].some(name => name.startsWith(`${path} `))
  const { path } = findCommand(args, name => declared.has(name), isPrefix)
  const command = declared.get(path)
  if (command === undefined) return []
  const options = optionsOf({ ...globalOptions, ...command.params })
  const words = args.flatMap(word =>
    /^-[^-]/.test(word) ? [...(word.slice(1).split('=')[0] ?? '')].map(letter => `-${letter}`) : [word],
  )
  const used = words.filter(word => word.startsWith('-')).map(word => options.get(word.split('=')[0] ?? ''))
  return [path, ...used.filter(name => name !== undefined).map(name => `${path} ${name}`)]
}

function stateOf(
  entry: { command: string; option: string | undefined },
  declared: ReadonlyMap<string, Command>,
  shown: ReadonlyMap<string, Shown>,
): string {
  const { command: path, option } = entry
  const command = declared.get(path)
  if (command === undefined) {
    const isGroup = [...declared.keys()].some(name => name.startsWith(`${path} `)) || path === ''
    if (isGroup && option === undefined) return 'group'
    const below = [...declared].filter(([name]) => name.startsWith(`${path} `))
    const isTaken = below.some(([, one]) => option !== undefined && optionsOf(one.params).has(option))
    return isTaken ? 'there' : 'missing'
  }
  const name = option === undefined ? undefined : optionsOf(command.params).get(option)
  if (option !== undefined && name === undefined) return 'missing'
  const counts = shown.get(name === undefined ? path : `${path} ${name}`)
  if (counts === undefined) return 'there'
  return counts.failed === 0
    ? `as Kubo (${counts.passed})`
    : `differs (${counts.failed} of ${counts.passed + counts.failed})`
}

function summaryRows(rows: readonly { state: string }[]): string {
  const kinds = ['as Kubo', 'there', 'differs', 'missing']
  const count = (kind: string): number => rows.filter(({ state }) => state.startsWith(kind)).length
  return kinds.map(kind => `| ${kind} | ${count(kind)} |`).join('\n')
}

function exceptions(file: string): string {
  const path = join(root, 'test', file)
  if (!existsSync(path)) return ''
  return Object.entries(readJson(path) as Record<string, string>)
    .map(([id, reason]) => `- \`${id.replaceAll('|', '\\|')}\`: ${reason}`)
    .join('\n')
}

function referenceTable(): string {
  const path = join(root, 'dist/reference.json')
  if (!existsSync(path)) return 'Not run when this page was made.'
  const counts = readJson(path) as Record<string, { passed: number; failed: number; skipped?: number }>
  const rows = Object.entries(counts).map(
    ([group, one]) => `| ${group} | ${one.passed} | ${one.failed} | ${one.skipped ?? 0} |`,
  )
  const sum = (key: 'passed' | 'failed'): number => Object.values(counts).reduce((all, one) => all + one[key], 0)
  return [
    '| group | passed | failed | skipped |',
    '|---|---|---|---|',
    ...rows,
    `| all | ${sum('passed')} | ${sum('failed')} | |`,
  ].join('\n')
}

const scratch = mkdtempSync(join(tmpdir(), 'tsipfs-parity-'))
try {
  const declared = await loadDeclarations()
  const results = runCorpus(scratch)
  const shown = countShown(results, declared)
  const rows = kuboSurface().map(entry => ({ ...entry, state: stateOf(entry, declared, shown) }))
  const kubo = new Set(rows.map(({ command }) => command))
  const ours = [...declared.keys()].filter(path => !kubo.has(path))
  const total = (mode: string, result: string): number =>
    results.filter(one => one.mode === mode && one.result === result).length
  const text = `# Parity with Kubo

Made by \`node scripts/bun.mjs scripts/parity.ts\` for tsipfs ${projectVersion()}, from the declarations of the commands, Kubo 0.44's own list of commands and
options, and ${new Set(results.map(({ id }) => id)).size} recorded command lines with what Kubo printed. Never edited by hand.

| recorded command lines | passed | failed |
|---|---|---|
| one-shot | ${total('offline', 'passed')} | ${total('offline', 'failed')} |
| beside a daemon | ${total('daemon', 'passed')} | ${total('daemon', 'failed')} |

| state | commands and options |
|---|---|
${summaryRows(rows)}

*as Kubo (N)*: N recorded cases use it, and all of them pass. *there*: declared with the same name; no recorded case uses it.
*differs*: a recorded case that uses it fails; the reasons are below. *missing*: not there.

## What differs on purpose

${exceptions('conformance-exceptions.json') || 'Nothing that was recorded.'}

## The reference suite

\`interface-ipfs-core\` 0.158, run against our daemon through its own client.

${referenceTable()}

${exceptions('reference-exceptions.json')}

## Commands that Kubo has not

${ours.map(path => `- \`${path}\`: ${declared.get(path)?.summary ?? ''}`).join('\n')}

## Every command and option of Kubo

| command or option | state |
|---|---|
${rows
  .filter(({ state, command }) => state !== 'group' && command !== '')
  .map(({ text: line, state }) => `| \`${line.replaceAll('|', '\\|')}\` | ${state} |`)
  .join('\n')}
`
  writeFileSync(join(root, 'docs/parity.md'), text)
  console.log(summaryRows(rows).replaceAll('|', ' '))
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
