/**
 * Makes what is published, below release/: the npm packages, executables for every platform, packages for Debian and
 * RPM systems, a context for an OCI image, a Homebrew formula, bills of materials, checksums. The same source gives the
 * same bytes. Usage: release.ts [--target NAME]... [--out FOLDER]; without targets all of them are made.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { COMPILE_FLAGS, commitDefine, ENTRIES } from './build-flags.mjs'
import { releaseTime } from './release/archives.ts'
import { deb, type PackageInfo } from './release/deb.ts'
import { formula } from './release/formula.ts'
import { signMachO } from './release/mach-sign.ts'
import { mainPackage, platformPackage } from './release/npm.ts'
import { rpm } from './release/rpm.ts'
import { TARGETS, type Target } from './release/targets.ts'
import type { PackedFile } from './release/tree.ts'

const root = resolve(import.meta.dirname, '..')
const { values } = parseArgs({ options: { target: { type: 'string', multiple: true }, out: { type: 'string' } } })
const out = resolve(values.out ?? join(root, 'release'))
const project = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
const { version } = project as { version: string }
const scratch = mkdtempSync(join(tmpdir(), 'tsipfs-release-'))

const info: PackageInfo = {
  ...{ name: 'tsipfs', version, summary: project.description, licence: project.license },
  description:
    'Adds, reads, pins, exchanges and publishes content-addressed data.\nNo daemon and no set-up are needed.',
  homepage: project.homepage ?? 'https://github.com/tsipfs/tsipfs',
  maintainer: 'tsipfs maintainers <maintainers@tsipfs.invalid>',
}

function run(command: string, args: readonly string[], cwd: string): string {
  const result = spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 28 })
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${result.stderr}${result.stdout}`)
  return result.stdout
}

/** Returns Bun for a platform: as installed here, else fetched by npm in the version of the lock file. */
function bunFor(target: Target): string {
  const name = `@oven/${target.bun}`
  const program = target.os === 'win32' ? 'bun.exe' : 'bun'
  const installed = join(root, 'node_modules', name, 'bin', program)
  if (existsSync(installed)) return installed
  const wanted = lock.packages[`node_modules/${name}`]?.version
  if (wanted === undefined) throw new Error(`the lock file has no ${name}`)
  const folder = join(scratch, target.name)
  mkdirSync(folder)
  const [file = ''] = run('npm', ['pack', '--silent', `${name}@${wanted}`], folder)
    .trim()
    .split('\n')
  const expected = lock.packages[`node_modules/${name}`].integrity as string
  const actual = `sha512-${createHash('sha512')
    .update(readFileSync(join(folder, file)))
    .digest('base64')}`
  if (actual !== expected) throw new Error(`${name}: not what the lock file says`)
  run('tar', ['xzf', file], folder)
  return join(folder, 'package/bin', program)
}

function compile(target: Target): Buffer {
  const program = join(scratch, `tsipfs-${target.name}${target.os === 'win32' ? '.exe' : ''}`)
  const cross = [`--target=${target.bun}`, `--compile-executable-path=${bunFor(target)}`]
  const define = commitDefine(root)
  run(process.execPath, ['build', define, ...COMPILE_FLAGS, ...cross, ...ENTRIES, `--outfile=${program}`], root)
  const bytes = readFileSync(program)
  return target.os === 'darwin' ? signMachO(bytes, 'tsipfs') : bytes
}

function folderFiles(folder: string, into: string, keep: (name: string) => boolean = () => true): PackedFile[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter(entry => entry.isFile() && keep(entry.name))
    .map(entry => {
      const path = join(entry.parentPath, entry.name)
      return { path: `${into}${path.slice(join(root, folder).length)}`, mode: 0o644, bytes: readFileSync(path) }
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1))
}

function completions(): PackedFile[] {
  const shells = [
    ['bash', 'usr/share/bash-completion/completions/tsipfs'],
    ['zsh', 'usr/share/zsh/vendor-completions/_tsipfs'],
    ['fish', 'usr/share/fish/vendor_completions.d/tsipfs.fish'],
  ] as const
  return shells.map(([shell, path]) => {
    const text = run(process.execPath, ['src/main.ts', 'commands', 'completion', shell], root)
    return { path, mode: 0o644, bytes: Buffer.from(text) }
  })
}

function launcher(): Uint8Array {
  return readFileSync(join(root, 'bin/tsipfs'))
}

function documents(): PackedFile[] {
  return ['LICENSE-APACHE', 'LICENSE-MIT', 'README.md'].map(name => ({
    ...{ path: name, mode: 0o644, bytes: readFileSync(join(root, name)) },
  }))
}

function systemFiles(executable: Uint8Array): PackedFile[] {
  const pages = folderFiles('man', 'usr/share/man').map(file => {
    const section = file.path.split('.').at(-1)
    const name = file.path.split('/').at(-1)
    return {
      path: `usr/share/man/man${section}/${name}.gz`,
      mode: 0o644,
      bytes: gzipSync(file.bytes ?? '', { level: 9 }),
    }
  })
  const unit = readFileSync(join(root, 'packaging/systemd/tsipfs.service'))
  return [
    // The launcher, which takes away what would change the executable, finds it beside itself.
    { path: 'usr/bin/tsipfs', mode: 0o777, target: '../lib/tsipfs/bin/tsipfs' },
    { path: 'usr/lib/tsipfs/bin/tsipfs', mode: 0o755, bytes: launcher() },
    { path: 'usr/lib/tsipfs/dist/tsipfs', mode: 0o755, bytes: executable },
    { path: 'usr/lib/systemd/system/tsipfs.service', mode: 0o644, bytes: unit },
    ...pages,
    ...completions(),
    ...documents().map(file => ({ ...file, path: `usr/share/doc/tsipfs/${file.path}` })),
  ]
}

const sums = new Map<string, string>()
function put(name: string, bytes: Uint8Array, mode = 0o644): void {
  const path = join(out, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, bytes)
  chmodSync(path, mode)
  sums.set(name, createHash('sha256').update(bytes).digest('hex'))
  console.log(`${name}  ${(bytes.length / 1e6).toFixed(1)} MB`)
}

function release(target: Target): void {
  const executable = compile(target)
  put(`tsipfs-${version}-${target.name}${target.os === 'win32' ? '.exe' : ''}`, executable, 0o755)
  put(`npm/tsipfs-${target.name}-${version}.tgz`, platformPackage(project, target, executable))
  const files = target.deb === undefined && target.rpm === undefined ? [] : systemFiles(executable)
  if (target.deb !== undefined) put(`tsipfs_${version}_${target.deb}.deb`, deb(info, target.deb, files))
  if (target.rpm !== undefined) put(`tsipfs-${version}-1.${target.rpm}.rpm`, rpm(info, target.rpm, files))
  if (target.deb !== undefined) put(`oci/${target.deb}/tsipfs`, executable, 0o755)
}

/** A bill of materials is marked with the hour of its making, and a number at random: here by what it holds. */
function reproducible(text: string): string {
  const time = new Date(releaseTime() * 1000).toISOString()
  const digest = createHash('sha256')
    .update(text.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z/g, ''))
    .digest('hex')
  const uuid = digest.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5')
  return text
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, uuid)
    .replace(/"(timestamp|created)": "[^"]+"/g, `"$1": "${time}"`)
}

try {
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  run('node', ['scripts/prepare.mjs'], root)
  const chosen = TARGETS.filter(({ name }) => values.target === undefined || values.target.includes(name))
  if (chosen.length === 0) throw new Error(`no such target; there are ${TARGETS.map(({ name }) => name).join(', ')}`)
  const bundle = folderFiles('dist/node', 'dist/node', name => !name.endsWith('.map'))
  const types = folderFiles('dist/types', 'dist/types')
  const scripts = completions().map(file => ({ ...file, path: `completion/${file.path.split('/').at(-1)}` }))
  const program = { path: 'bin/tsipfs', mode: 0o755, bytes: launcher() }
  put(
    `npm/tsipfs-${version}.tgz`,
    mainPackage(project, [program, ...bundle, ...types, ...scripts, ...folderFiles('man', 'man'), ...documents()]),
  )
  for (const target of chosen) release(target)
  put('oci/Containerfile', readFileSync(join(root, 'packaging/oci/Containerfile')))
  put('oci/tsipfs-launcher', launcher(), 0o755)
  put('tsipfs.daemon.plist', readFileSync(join(root, 'packaging/launchd/tsipfs.daemon.plist')))
  put('tsipfs.rb', Buffer.from(formula(version, info, sums)))
  // npm calls the project as its folder is called.
  const named = join(scratch, project.name)
  mkdirSync(named)
  for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(root, name), join(named, name))
  for (const format of ['cyclonedx', 'spdx']) {
    const text = run('npm', ['sbom', '--package-lock-only', '--omit=dev', `--sbom-format=${format}`], named)
    put(`tsipfs-${version}.${format}.json`, Buffer.from(reproducible(text)))
  }
  writeFileSync(join(out, 'SHA256SUMS'), [...sums].map(([name, sum]) => `${sum}  ${name}\n`).join(''))
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
