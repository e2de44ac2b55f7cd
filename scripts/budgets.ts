/**
 * Holds what a user waits for or carries to its limits: the size of the executable and of the bundle, the time to start,
 * the number of packages. Prints each with its limit and how it was in past versions (changes/budgets.json).
 * Usage: budgets.ts [--record]; with it the present version's values are written down.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const file = join(root, 'changes/budgets.json')
const STARTS = 25

interface Budgets {
  /** What may not be exceeded. */
  readonly limits: Readonly<Record<string, number>>
  readonly versions: Record<string, { readonly date: string; readonly values: Readonly<Record<string, number>> }>
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T
}

/** Returns the shortest of many starts: what else the machine does can only make one longer. */
function startMs(): number {
  let shortest = Number.POSITIVE_INFINITY
  for (let count = 0; count < STARTS; count++) {
    const from = performance.now()
    const { status } = spawnSync(join(root, 'dist/tsipfs'), ['version'], { stdio: 'ignore' })
    if (status !== 0) throw new Error('dist/tsipfs version failed')
    shortest = Math.min(shortest, performance.now() - from)
  }
  return Math.round(shortest * 10) / 10
}

function packages(): number {
  const lock = readJson<{ packages: Record<string, { dev?: boolean; optional?: boolean }> }>(
    join(root, 'package-lock.json'),
  )
  return Object.entries(lock.packages).filter(([path, { dev, optional }]) => path !== '' && !dev && !optional).length
}

function bundleBytes(): number {
  const folder = join(root, 'dist/node')
  const names = readdirSync(folder).filter(name => name.endsWith('.js'))
  return names.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
}

const { version } = readJson<{ version: string }>(join(root, 'package.json'))
const budgets = readJson<Budgets>(file)
const values: Readonly<Record<string, number>> = {
  executableBytes: statSync(join(root, 'dist/tsipfs')).size,
  bundleBytes: bundleBytes(),
  startMs: startMs(),
  packages: packages(),
}

let failed = 0
for (const [name, value] of Object.entries(values)) {
  const limit = budgets.limits[name] ?? 0
  const past = Object.entries(budgets.versions).map(([of, one]) => `${one.values[name] ?? '-'} (${of})`)
  const isOver = value > limit
  if (isOver) failed += 1
  console.log(`${name}: ${[...past, `${value} now`].join(' -> ')}, at most ${limit}${isOver ? ': OVER' : ''}`)
}
if (process.argv.includes('--record')) {
  const date = budgets.versions[version]?.date ?? new Date().toISOString().slice(0, 10)
  budgets.versions[version] = { date, values }
  writeFileSync(file, `${JSON.stringify(budgets, null, 2)}\n`)
}
console.log(`${Object.keys(values).length - failed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
