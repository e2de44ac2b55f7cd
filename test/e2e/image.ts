/** Images for containers, built and run without an engine, by buildah. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** What the base image of the Containerfile has, and its commands need. */
const PROGRAMS = ['sh', 'ln', 'chmod', 'dirname', 'readlink', 'id', 'useradd']

function output(command: string, args: readonly string[]): string {
  return spawnSync(command, args, { encoding: 'utf8' }).stdout ?? ''
}

/** Lays out what stands in for the base image, which no test may download: programs of this machine, and what they link to. */
export function makeBase(folder: string, executable: string): void {
  for (const name of ['usr/bin', 'usr/lib', 'usr/lib64', 'usr/local/bin', 'etc', 'tmp', 'proc', 'sys', 'dev']) {
    mkdirSync(join(folder, name), { recursive: true })
  }
  for (const name of ['bin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, join(folder, name))
  const paths = PROGRAMS.map(name => output('sh', ['-c', `command -v ${name}`]).trim())
  for (const path of paths) copyFileSync(realpathSync(path), join(folder, 'usr/bin', path.split('/').at(-1) ?? ''))
  const libraries = [...paths, executable].flatMap(path => output('ldd', [path]).match(/\/\S+\.so\S*/g) ?? [])
  for (const path of new Set(libraries)) {
    mkdirSync(join(folder, dirname(path)), { recursive: true })
    copyFileSync(realpathSync(path), join(folder, path))
  }
  writeFileSync(join(folder, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n')
  writeFileSync(join(folder, 'etc/group'), 'root:x:0:\nusers:x:100:\n')
  for (const name of ['shadow', 'login.defs']) writeFileSync(join(folder, 'etc', name), '')
}

/** The arguments that keep what buildah stores in one folder, and let it run without an engine. */
export function buildahIn(folder: string): readonly string[] {
  return ['--storage-driver', 'vfs', '--root', join(folder, 'store'), '--runroot', join(folder, 'run')]
}
