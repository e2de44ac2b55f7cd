/**
 * Makes a release of the last commit twice, in two clones that lie elsewhere, and compares every file; looks at the executables of all
 * platforms, and uses those that can run here. Takes minutes. Usage: release-check.ts [--target NAME]...
 *
 * TSIPFS_ROOTS is a folder with the libraries of other platforms, in a root for each: linux-arm64, linux-arm64-musl and
 * linux-x64-musl. For linux-arm64 the cross libraries of Debian will do, where they are installed.
 */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { inspectExecutable } from './release/inspect.ts'
import { TARGETS, type Target } from './release/targets.ts'

const root = resolve(import.meta.dirname, '..')
const scratch = mkdtempSync(join(tmpdir(), 'tsipfs-release-check-'))
const RUN_TIMEOUT_MS = 60 * 60_000
const CROSS_LIBRARIES = '/usr/aarch64-linux-gnu'
const EXPECTED = 'QmaQLCtdrbzYjjDWn6dymFif5Lzf8jypnRBtca1YKTnPq9'
/** What is committed now: somebody may go on working here. */
const commit = ran('git', ['rev-parse', 'HEAD'], root).stdout.trim()
let passed = 0
let failed = 0
let skipped = 0

function ran(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): SpawnSyncReturns<string> {
  const how = {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: RUN_TIMEOUT_MS,
    maxBuffer: 1 << 28,
  } as const
  const result = spawnSync(command, args, how)
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${result.stderr}${result.stdout}`)
  return result
}

function check(what: string, isRight: boolean, detail = ''): void {
  if (isRight) passed += 1
  else failed += 1
  console.log(`${isRight ? 'ok' : 'not ok'}: ${what}${isRight || detail === '' ? '' : `: ${detail}`}`)
}

/** Makes a release in a clone of its own, under conditions of its own. Returns the checksum of each file. */
function releaseIn(folder: string, env: NodeJS.ProcessEnv): Map<string, string> {
  mkdirSync(join(folder, '..'), { recursive: true })
  ran('git', ['clone', '--quiet', root, folder], scratch)
  ran('git', ['checkout', '--quiet', '--detach', commit], folder)
  ran('cp', ['-a', `${join(root, 'node_modules')}/.`, join(folder, 'node_modules')], scratch)
  const temporary = join(folder, '..', 'tmp')
  mkdirSync(temporary)
  ran('node', ['scripts/bun.mjs', 'scripts/release.ts', ...process.argv.slice(2)], folder, {
    TMPDIR: temporary,
    ...env,
  })
  const out = join(folder, 'release')
  const files = readdirSync(out, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  return new Map(
    files.map(entry => {
      const path = join(entry.parentPath, entry.name)
      return [path.slice(out.length + 1), createHash('sha256').update(readFileSync(path)).digest('hex')]
    }),
  )
}

/** How a program of a platform is started here; a text says why it is not. */
function starter(target: Target, program: string): readonly string[] | string {
  const roots = process.env.TSIPFS_ROOTS
  const given = roots === undefined ? undefined : join(resolve(roots), target.name)
  const libraries = given !== undefined && existsSync(given) ? given : undefined
  if (target.os !== 'linux') return `there is no ${target.os === 'darwin' ? 'macOS' : 'Windows'} here`
  if (target.name === `linux-${process.arch}`) return [program]
  if (target.cpu === process.arch) {
    if (libraries === undefined || process.getuid?.() !== 0)
      return `no root ${target.name} in TSIPFS_ROOTS, or no right to enter it`
    copyFileSync(program, join(libraries, 'tsipfs'))
    chmodSync(join(libraries, 'tsipfs'), 0o755)
    return ['chroot', libraries, '/tsipfs']
  }
  const where = libraries ?? (target.libc === 'glibc' && existsSync(CROSS_LIBRARIES) ? CROSS_LIBRARIES : undefined)
  if (where === undefined) return `no root ${target.name} in TSIPFS_ROOTS`
  if (spawnSync('qemu-aarch64-static', ['--version']).status !== 0) return 'there is no qemu-aarch64-static'
  return ['qemu-aarch64-static', '-L', where, program]
}

/** Adds a file and reads it back: the CID is the same on every platform. */
function useIt(target: Target, program: string): void {
  const start = starter(target, program)
  if (typeof start === 'string') {
    skipped += 1
    console.log(`skipped: ${target.name} is not run: ${start}`)
    return
  }
  const [command = '', ...before] = start
  const isElsewhere = command === 'chroot'
  const repo = isElsewhere ? `/repo-${process.pid}` : join(scratch, `repo-${target.name}`)
  const use = (args: readonly string[], input: string): string =>
    spawnSync(command, [...before, '--repo-dir', repo, ...args], {
      input,
      encoding: 'utf8',
      timeout: RUN_TIMEOUT_MS,
    }).stdout.trim()
  const cid = use(['add', '-Q'], 'from another platform\n')
  const text = use(['cat', cid], '')
  if (isElsewhere) rmSync(join(before[0] ?? '', repo), { recursive: true, force: true })
  check(`${target.name} adds and reads`, text === 'from another platform' && cid === EXPECTED, `${cid} ${text}`)
}

function inspect(target: Target, program: string): void {
  const { os, cpu, signature } = inspectExecutable(readFileSync(program))
  check(`${target.name} is an executable for it`, os === target.os && cpu === target.cpu, `${os} ${cpu}`)
  const wanted = target.os === 'darwin' ? 'sound' : 'none'
  check(`the signature of ${target.name}: ${wanted}`, signature === wanted, signature)
}

try {
  const first = join(scratch, 'first/tsipfs')
  const one = releaseIn(first, { TZ: 'UTC', LC_ALL: 'C' })
  const other = releaseIn(join(scratch, 'second/deeper/another-name'), {
    TZ: 'Asia/Kathmandu',
    LC_ALL: 'C.UTF-8',
    HOME: scratch,
  })
  for (const name of [...new Set([...one.keys(), ...other.keys()])].sort()) {
    check(`${name} is the same twice`, one.get(name) === other.get(name))
  }
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  for (const target of TARGETS) {
    const program = join(first, `release/tsipfs-${version}-${target.name}${target.os === 'win32' ? '.exe' : ''}`)
    if (!existsSync(program)) continue
    inspect(target, program)
    useIt(target, program)
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0
