/**
 * Runs the command lines of the documents and compares what they print: each fenced block marked `console` in
 * README.md and docs/, page by page, in a folder and with a home of their own. Every link has to lead somewhere. Usage:
 * run.ts [PAGE...]
 *
 * A line that begins with `$ ` is typed into one shell, which keeps its variables and folder; lines that begin with
 * `> ` continue it. What follows is what it prints, both streams together. `…` stands for any text within a line, a
 * line with nothing but `…` for any number of lines. A block marked `console norun` is not run: its reason stands in
 * the sentence before it.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, relative, resolve } from 'node:path'
import { brokenLinks } from './links.ts'

const root = resolve(import.meta.dirname, '../..')
const PAGE_TIMEOUT_MS = 120_000

interface Step {
  readonly line: number
  readonly command: string
  readonly expected: string[]
}

/** Nothing on these machines is to be reached but each other, and no port is known beforehand. */
const SETTINGS = {
  TSIPFS_ADDRESSES__SWARM: '["/ip4/127.0.0.1/tcp/0"]',
  TSIPFS_ADDRESSES__API: '/ip4/127.0.0.1/tcp/0',
  TSIPFS_ADDRESSES__GATEWAY: '/ip4/127.0.0.1/tcp/0',
  TSIPFS_BOOTSTRAP: '[]',
  TSIPFS_DISCOVERY__MDNS__ENABLED: 'false',
  TSIPFS_AUTOCONF__ENABLED: 'false',
  TSIPFS_SWARM__DISABLENATPORTMAP: 'true',
  TSIPFS_ROUTING__LOOPBACKADDRESSESONLANDHT: 'true',
}

function stepsOf(text: string): Step[] {
  const steps: Step[] = []
  let isInside = false
  for (const [at, line] of text.split('\n').entries()) {
    if (line.startsWith('```')) {
      isInside = line.trim() === '```console'
      continue
    }
    const last = steps.at(-1)
    if (!isInside) continue
    if (line.startsWith('$ ')) steps.push({ line: at + 1, command: line.slice(2), expected: [] })
    else if (line.startsWith('> ') && last !== undefined && last.expected.length === 0) {
      steps[steps.length - 1] = { ...last, command: `${last.command}\n${line.slice(2)}` }
    } else last?.expected.push(line)
  }
  return steps
}

/** Returns true when the lines are as expected, `…` standing for what changes. */
function matches(expected: readonly string[], actual: readonly string[]): boolean {
  const [first, ...rest] = expected
  if (first === undefined) return actual.length === 0
  if (first === '…') {
    for (let skip = 0; skip <= actual.length; skip++) if (matches(rest, actual.slice(skip))) return true
    return false
  }
  const line = actual[0]
  return line !== undefined && lineMatches(first, line) && matches(rest, actual.slice(1))
}

function lineMatches(expected: string, actual: string): boolean {
  const pattern = expected.split('…').map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${pattern.join('.*')}$`).test(actual)
}

/** Types the commands of one page into one shell; returns what each of them printed. */
function typeAll(steps: readonly Step[], folder: string): Promise<string[]> {
  const mark = `--- ${Math.random().toString(36).slice(2)} ---`
  const script = steps.map(({ command }) => `${command}\nprintf '%s\\n' '${mark}'`).join('\n')
  const end = `for repo in "$HOME"/.tsipfs "$HOME"/*; do [ -S "$repo/api.sock" ] && tsipfs --repo-dir "$repo" daemon stop; done; true`
  const env = {
    ...{ HOME: folder, LC_ALL: 'C.UTF-8', TZ: 'UTC', NO_COLOR: '1', COLUMNS: '80', TERM: 'dumb' },
    PATH: [join(root, 'bin'), process.env.PATH ?? ''].join(delimiter),
    ...SETTINGS,
  }
  return new Promise((done, reject) => {
    const child = spawn('bash', ['-s'], { cwd: folder, env, stdio: ['pipe', 'pipe', 'pipe'] })
    let text = ''
    const onData = (chunk: Buffer): void => {
      text += chunk.toString()
    }
    child.stdout.on('data', onData)
    child.stderr.on('data', onData)
    const limit = setTimeout(() => child.kill('SIGKILL'), PAGE_TIMEOUT_MS)
    child.on('error', reject)
    child.on('close', () => {
      clearTimeout(limit)
      done(text.split(`${mark}\n`).slice(0, steps.length))
    })
    child.stdin.end(`exec 2>&1\n${script}\n{ ${end}; } >/dev/null 2>&1\n`)
  })
}

async function runPage(page: string): Promise<{ passed: number; failed: number }> {
  const steps = stepsOf(readFileSync(join(root, page), 'utf8'))
  const counts = { passed: 0, failed: 0 }
  if (steps.length === 0) return counts
  const folder = mkdtempSync(join(tmpdir(), 'tsipfs-docs-'))
  mkdirSync(join(folder, 'work'))
  try {
    const outputs = await typeAll(steps, folder)
    for (const [at, { line, command, expected }] of steps.entries()) {
      const actual = (outputs[at] ?? '[never reached]')
        .replace(/\n$/, '')
        .split('\n')
        .filter((_, nth, all) => all.length > 1 || all[0] !== '' || nth > 0)
      if (matches(expected, actual)) counts.passed += 1
      else {
        counts.failed += 1
        console.log(`FAIL ${page}:${line}\n  $ ${command}`)
        console.log([...expected.map(text => `  - ${text}`), ...actual.map(text => `  + ${text}`)].join('\n'))
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return counts
}

/** Builds the site, which fails at links that lead nowhere. */
function siteIsSound(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'tsipfs-site-'))
  const site = spawnSync(process.execPath, ['scripts/site.ts', folder], { cwd: root, encoding: 'utf8' })
  rmSync(folder, { recursive: true, force: true })
  if (site.status !== 0) console.log(`FAIL the site: ${site.stdout}${site.stderr}`)
  return site.status === 0
}

const asked = process.argv.slice(2)
const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CODE_OF_CONDUCT.md'],
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map(name => join('docs', name)),
]
  .filter(name => name.endsWith('.md'))
  .filter(
    name =>
      asked.length === 0 || asked.some(word => name.includes(relative(root, resolve(word))) || name.includes(word)),
  )
  .sort()
const total = { passed: 0, failed: 0 }
for (const page of pages) {
  const { passed, failed } = await runPage(page)
  total.passed += passed
  total.failed += failed
  const broken = brokenLinks(root, page)
  for (const problem of broken) console.log(`FAIL ${problem}`)
  if (broken.length === 0) total.passed += 1
  total.failed += broken.length
}
if (asked.length === 0) {
  const ok = siteIsSound()
  total.passed += ok ? 1 : 0
  total.failed += ok ? 0 : 1
}
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0
