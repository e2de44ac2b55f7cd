/** What is published is made, put into a clean place as its package manager would, and used. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { bunPath } from '../../scripts/bun.mjs'

const ROOT = join(import.meta.dirname, '../..')
const isHere = process.platform === 'linux' && process.arch === 'x64'
let scratch = ''
let out = ''

function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string } = {},
): string {
  const { cwd = scratch, env = process.env, input = '' } = options
  const result = spawnSync(command, args, { cwd, env, input, encoding: 'utf8', timeout: 240_000, maxBuffer: 1 << 28 })
  assert.equal(result.status, 0, `${command} ${args.join(' ')}: ${result.stderr}${result.stdout}`)
  return result.stdout
}

function has(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
}

/** Adds something and reads it back with a program that was installed. */
function useIt(program: string): void {
  const env = { PATH: process.env.PATH, HOME: scratch, TSIPFS_PATH: mkdtempSync(join(scratch, 'repo-')) }
  const cid = run(program, ['add', '-Q'], { env, input: 'from a package\n' }).trim()
  assert.equal(run(program, ['cat', cid], { env }), 'from a package\n')
  assert.match(run(program, ['version'], { env }), /version \d+\.\d+\.\d+/)
}

before(() => {
  if (!isHere) return
  scratch = mkdtempSync(join(tmpdir(), 'tsipfs-packages-'))
  out = join(scratch, 'out')
  run('node', ['scripts/bun.mjs', 'scripts/release.ts', '--target', 'linux-x64', '--out', out], { cwd: ROOT })
})

after(() => {
  if (scratch !== '') rmSync(scratch, { recursive: true, force: true })
})

/** Returns a folder in which the npm packages are installed. */
function npmFolder(): string {
  const folder = join(scratch, 'npm')
  if (existsSync(folder)) return folder
  mkdirSync(folder)
  run('npm', ['init', '-y'], { cwd: folder })
  run('npm', ['install', '--offline', '--no-audit', '--omit=optional', ...names('npm', /\.tgz$/)], { cwd: folder })
  return folder
}

function names(folder: string, pattern: RegExp): string[] {
  return readdirSync(join(out, folder))
    .filter(name => pattern.test(name))
    .map(name => join(out, folder, name))
}

test('the checksums are those of the files', t => {
  if (!isHere) return t.skip('made on linux x64 only')
  const lines = readFileSync(join(out, 'SHA256SUMS'), 'utf8').trim().split('\n')
  assert.ok(lines.length >= 9)
  for (const line of lines) {
    const [sum, name = ''] = line.split('  ')
    assert.equal(
      createHash('sha256')
        .update(readFileSync(join(out, name)))
        .digest('hex'),
      sum,
      name,
    )
  }
})

test('the npm packages install without a download of their own', t => {
  if (!isHere) return t.skip('made on linux x64 only')
  const folder = npmFolder()
  useIt(join(folder, 'node_modules/.bin/tsipfs'))
  assert.ok(existsSync(join(folder, 'node_modules/tsipfs/man/tsipfs.1')))
  const manifest = JSON.parse(readFileSync(join(folder, 'node_modules/tsipfs/package.json'), 'utf8'))
  assert.deepEqual([manifest.scripts, manifest.dependencies], [undefined, undefined])
  assert.equal(manifest.optionalDependencies['tsipfs-linux-x64'], manifest.version)
})

test('the library runs its documented example on Node and Bun, and is typed', t => {
  if (!isHere) return t.skip('made on linux x64 only')
  const folder = npmFolder()
  const [, code = '', expected = ''] =
    /```js\n([\s\S]+?)```[\s\S]+?```text\n([\s\S]+?)```/.exec(readFileSync(join(ROOT, 'docs/embedding.md'), 'utf8')) ??
    []
  assert.match(code, /openNode/)
  writeFileSync(join(folder, 'example.mjs'), code)
  for (const runtime of [process.execPath, bunPath() ?? '']) {
    assert.equal(run(runtime, ['example.mjs'], { cwd: folder }), expected, runtime)
  }
  writeFileSync(join(folder, 'example.mts'), `${code}\nconst wrong: number = await node.add('')\nvoid wrong\n`)
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  const types = ['--typeRoots', join(ROOT, 'node_modules/@types'), '--types', 'node']
  const how = ['--ignoreConfig', '--strict', '--noEmit', '--module', 'nodenext', '--target', 'esnext', ...types]
  const { stdout } = spawnSync(process.execPath, [tsc, ...how, 'example.mts'], { cwd: folder, encoding: 'utf8' })
  assert.deepEqual(stdout.match(/error TS\d+.*/g), ["error TS2322: Type 'string' is not assignable to type 'number'."])
})

test('the executable alone is enough', t => {
  if (!isHere) return t.skip('made on linux x64 only')
  const [program = ''] = names('', /-linux-x64$/)
  useIt(program)
})

test('the Debian package holds program, manual, completion and unit', t => {
  if (!isHere) return t.skip('made on linux x64 only')
  if (!has('dpkg-deb')) return t.skip('there is no dpkg-deb')
  const [file = ''] = names('', /\.deb$/)
  const folder = join(scratch, 'deb')
  run('dpkg-deb', ['-x', file, folder])
  assert.match(run('dpkg-deb', ['-f', file, 'Package', 'Architecture']), /tsipfs[\s\S]*amd64/)
  useIt(join(folder, 'usr/bin/tsipfs'))
  for (const path of [
    'share/man/man1/tsipfs.1.gz',
    'share/bash-completion/completions/tsipfs',
    'lib/systemd/system/tsipfs.service',
    'share/man/man5/tsipfs-repo-format.5.gz',
    'share/zsh/vendor-completions/_tsipfs',
    'share/fish/vendor_completions.d/tsipfs.fish',
  ]) {
    assert.ok(existsSync(join(folder, 'usr', path)), path)
  }
})

test('the Debian package installs into a root that has nothing, and is as it was packed', t => {
  if (!isHere) return t.skip('made on linux x64 only')
  if (!has('dpkg') || process.getuid?.() !== 0) return t.skip('there is no dpkg, or no right to install')
  const [file = ''] = names('', /\.deb$/)
  const folder = join(scratch, 'root')
  for (const name of ['info', 'updates', 'triggers']) mkdirSync(join(folder, 'var/lib/dpkg', name), { recursive: true })
  for (const name of ['status', 'available']) writeFileSync(join(folder, 'var/lib/dpkg', name), '')
  run('dpkg', ['--root', folder, '--force-depends', '--log=/dev/null', '-i', file])
  assert.equal(run('dpkg', ['--root', folder, '--verify', 'tsipfs']), '')
  useIt(join(folder, 'usr/bin/tsipfs'))
  run('dpkg', ['--root', folder, '--log=/dev/null', '--purge', 'tsipfs'])
  assert.ok(!existsSync(join(folder, 'usr/bin/tsipfs')))
})

test('the unit of systemd is sound, and hardened', t => {
  if (!isHere) return t.skip('made on linux x64 only')
  if (!has('systemd-analyze')) return t.skip('there is no systemd-analyze')
  const [program = ''] = names('', /-linux-x64$/)
  const folder = join(scratch, 'unit')
  mkdirSync(folder)
  const text = readFileSync(join(ROOT, 'packaging/systemd/tsipfs.service'), 'utf8')
  // The manual and the program are not installed on this machine.
  const here = text.replace(/^Documentation=.*\n/m, '').replace('/usr/bin/tsipfs', program)
  writeFileSync(join(folder, 'tsipfs.service'), here)
  run('systemd-analyze', ['verify', join(folder, 'tsipfs.service')])
  const args = ['security', '--offline=true', '--threshold=40', '--no-pager', join(folder, 'tsipfs.service')]
  assert.match(run('systemd-analyze', args), /Overall exposure level/)
})

test('the RPM is sound and installs', t => {
  if (!isHere) return t.skip('made on linux x64 only')
  if (!has('rpm')) return t.skip('there is no rpm')
  const [file = ''] = names('', /\.rpm$/)
  assert.match(run('rpm', ['-K', file]), /digests OK/)
  const folder = join(scratch, 'rpm')
  mkdirSync(folder)
  run('rpm', ['-i', '--root', folder, '--nodeps', '--ignorearch', file])
  useIt(join(folder, 'usr/bin/tsipfs'))
})
