/** What is published is made, put into a clean place as its package manager would, and used. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { bunPath } from '../../scripts/bun.mjs'
import { buildahIn, makeBase } from './image.ts'

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

/** How npm installs for everyone, below a folder of the test. */
function npmArguments(): string[] {
  return ['--global', `--prefix=${join(scratch, 'npm')}`, '--offline', '--no-audit', '--no-fund', '--omit=optional']
}

/** Returns the folder below which npm has installed the packages. */
function npmFolder(): string {
  const folder = join(scratch, 'npm')
  if (!existsSync(folder)) run('npm', ['install', ...npmArguments(), ...names('npm', /\.tgz$/)])
  return folder
}

/** What the packages for Debian and RPM systems hold, among others, below /usr. */
const INSTALLED = [
  'bin/tsipfs',
  'share/man/man1/tsipfs.1.gz',
  'share/man/man5/tsipfs-repo-format.5.gz',
  'share/man/man5/tsipfs-config.5.gz',
  'share/man/man7/tsipfs-exit-status.7.gz',
  'share/man/man7/tsipfs-environment.7.gz',
  'share/man/man7/tsipfs-output.7.gz',
  'share/bash-completion/completions/tsipfs',
  'share/zsh/vendor-completions/_tsipfs',
  'share/fish/vendor_completions.d/tsipfs.fish',
  'lib/systemd/system/tsipfs.service',
  'share/doc/tsipfs/LICENSE-MIT',
]

/** Returns a folder in which the Debian package is unpacked. */
function debFolder(): string {
  const folder = join(scratch, 'deb')
  if (!existsSync(folder)) run('dpkg-deb', ['-x', names('', /\.deb$/)[0] ?? '', folder])
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

test('the npm packages install for everyone, without a download of their own', t => {
  if (!isHere) return t.skip('made on linux x64 only')
  const folder = npmFolder()
  useIt(join(folder, 'bin/tsipfs'))
  const modules = join(folder, 'lib/node_modules/tsipfs')
  for (const name of ['tsipfs', '_tsipfs', 'tsipfs.fish'])
    assert.ok(existsSync(join(modules, 'completion', name)), name)
  assert.match(readFileSync(join(folder, 'share/man/man1/tsipfs-add.1'), 'utf8'), /TSIPFS-ADD/)
  const manifest = JSON.parse(readFileSync(join(modules, 'package.json'), 'utf8'))
  assert.deepEqual([manifest.scripts, manifest.dependencies], [undefined, undefined])
  assert.equal(manifest.optionalDependencies['tsipfs-linux-x64'], manifest.version)
})

test('the library runs its documented example on Node and Bun, and is typed', t => {
  if (!isHere) return t.skip('made on linux x64 only')
  const folder = join(npmFolder(), 'lib')
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
  const folder = debFolder()
  assert.match(run('dpkg-deb', ['-f', file, 'Package', 'Architecture', 'Depends']), /tsipfs[\s\S]*amd64[\s\S]*libc6/)
  useIt(join(folder, 'usr/bin/tsipfs'))
  for (const path of INSTALLED) assert.ok(existsSync(join(folder, 'usr', path)), path)
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
  assert.equal(run('rpm', ['-V', '--root', folder, '--nodeps', 'tsipfs']), '')
  for (const path of INSTALLED) assert.ok(existsSync(join(folder, 'usr', path)), path)
  run('rpm', ['-e', '--root', folder, 'tsipfs'])
  for (const path of INSTALLED) assert.ok(!existsSync(join(folder, 'usr', path)), path)
})

test('without the package of this platform Node runs the bundle, and npm takes everything away again', t => {
  if (!isHere) return t.skip('made on linux x64 only')
  const folder = npmFolder()
  rmSync(join(folder, 'lib/node_modules/tsipfs-linux-x64'), { recursive: true })
  const env = { PATH: process.env.PATH, HOME: scratch, TSIPFS_NODE: process.execPath }
  assert.match(run(join(folder, 'bin/tsipfs'), ['version'], { env }), /version/)
  run('npm', ['uninstall', ...npmArguments(), 'tsipfs'])
  assert.deepEqual(
    [existsSync(join(folder, 'bin/tsipfs')), existsSync(join(folder, 'share/man/man1/tsipfs.1'))],
    [false, false],
  )
})

test('an installed program is not what its environment would make of it', t => {
  if (!isHere) return t.skip('made on linux x64 only')
  if (!has('dpkg-deb')) return t.skip('there is no dpkg-deb')
  const env = { PATH: process.env.PATH, HOME: scratch, BUN_BE_BUN: '1', BUN_OPTIONS: '--eval=process.exit(7)' }
  const program = join(debFolder(), 'usr/bin/tsipfs')
  assert.match(run(program, ['version'], { env }), /version \d/)
})

test('the context of the image builds, runs as nobody in particular, and says whether it is healthy', t => {
  if (!isHere) return t.skip('made on linux x64 only')
  if (!has('buildah') || process.getuid?.() !== 0) return t.skip('there is no buildah, or no right to use it')
  const folder = join(scratch, 'image')
  const base = join(folder, 'base')
  makeBase(base, names('', /-linux-x64$/)[0] ?? '')
  const buildah = (...args: string[]): string => run('buildah', [...buildahIn(folder), ...args]).trim()
  const empty = buildah('from', 'scratch')
  buildah('add', '--quiet', empty, base, '/')
  buildah('commit', '--quiet', empty, 'docker.io/library/debian:stable-slim')
  const how = ['--isolation=chroot', '--pull-never', '--format=docker', '--build-arg=TARGETARCH=amd64']
  buildah('bud', ...how, '--tag=tsipfs', join(out, 'oci'))
  const { config } = JSON.parse(buildah('inspect', '--type=image', 'tsipfs')).Docker
  assert.deepEqual(
    [config.User, config.Entrypoint, config.Cmd, config.Healthcheck.Test],
    ['10001', ['tsipfs'], ['daemon', '--init'], ['CMD', 'tsipfs', 'diag', 'healthy']],
  )
  const container = buildah('from', '--pull-never', 'tsipfs')
  const inside = (...args: string[]): string => buildah('run', '--isolation=chroot', container, '--', ...args)
  assert.match(inside('id'), /^uid=10001\(tsipfs\)/)
  const script = `tsipfs daemon --init --init-profile=test --detach > /dev/null &&
    ${config.Healthcheck.Test.slice(1).join(' ')} && cid=$(tsipfs add -Q /etc/passwd) && tsipfs cat $cid && tsipfs shutdown`
  assert.match(inside('sh', '-c', script), /^ok\n[\s\S]*^tsipfs:x:10001:/m)
  assert.match(inside('sh', '-c', 'tsipfs diag healthy 2>&1 || echo "status $?"'), /status 12/)
})

test('the Debian package installs into a new system, with what it depends on', { timeout: 600_000 }, t => {
  if (!isHere) return t.skip('made on linux x64 only')
  if (process.env.TSIPFS_DEBOOTSTRAP === undefined)
    return t.skip('takes minutes: set TSIPFS_DEBOOTSTRAP to a mirror of Debian')
  const folder = join(scratch, 'system')
  const [file = ''] = names('', /\.deb$/)
  run('debootstrap', ['--variant=minbase', 'stable', folder, process.env.TSIPFS_DEBOOTSTRAP])
  writeFileSync(join(folder, 'tsipfs.deb'), readFileSync(file))
  const inside = `dpkg -i /tsipfs.deb && tsipfs version && cd /tmp && export HOME=/tmp && cid=$(tsipfs add -Q /etc/hostname) &&
    tsipfs cat $cid && dpkg --verify tsipfs && dpkg --purge tsipfs && ! test -e /usr/bin/tsipfs`
  // Without /proc the C library does not know where the stack lies, and the runtime aborts.
  const script = 'mount -t proc proc "$0/proc" && exec chroot "$0" sh -ec "$1"'
  run('unshare', ['--mount', 'sh', '-c', script, folder, inside])
})
