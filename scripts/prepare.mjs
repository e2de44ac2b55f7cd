// Builds dist/tsipfs, one executable, and dist/node, the same bundle for Node 24 and later. Runs on Node 20.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const out = process.env.TSIPFS_DIST ?? join(root, 'dist')

/** Bun's own binary: in the package of the platform, or where its install script has moved it. */
function bunPath() {
  const require = createRequire(import.meta.url)
  const arch = process.arch === 'arm64' ? 'aarch64' : process.arch
  const system = process.platform === 'win32' ? 'windows' : process.platform
  for (const name of [`bun-${system}-${arch}`, `bun-${system}-${arch}-musl`]) {
    try {
      const path = join(
        dirname(require.resolve(`@oven/${name}/package.json`)),
        'bin',
        system === 'windows' ? 'bun.exe' : 'bun',
      )
      if (existsSync(path)) return path
    } catch {
      // Not the package for this machine.
    }
  }
  const moved = join(root, 'node_modules/bun/bin/bun.exe')
  return spawnSync(moved, ['--version']).status === 0 ? moved : undefined
}

function bun(args) {
  const result = spawnSync(bunPath(), args, { cwd: root, encoding: 'utf8' })
  if (result.status !== 0) {
    process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error ?? ''}\n`)
    process.exit(1)
  }
}

if (!existsSync(join(root, 'src/main.ts'))) process.exit(0) // an installed package: already built
if (bunPath() === undefined) {
  console.error(
    'tsipfs: no Bun for this machine in node_modules: only the bundle for Node 24 can be used, when it is there',
  )
  process.exit(0)
}
mkdirSync(out, { recursive: true })
const nodeOut = join(out, 'node')
const fresh = `${nodeOut}.${process.pid}`
rmSync(fresh, { recursive: true, force: true })
bun([
  'build',
  '--target=node',
  '--minify',
  '--splitting',
  '--format=esm',
  '--sourcemap=external',
  '--entry-naming=[name].js',
  `--outdir=${fresh}`,
  'src/main.ts',
])
rmSync(nodeOut, { recursive: true, force: true })
renameSync(fresh, nodeOut)
const executable = join(out, 'tsipfs')
const partial = `${executable}.${process.pid}`
bun([
  'build',
  '--compile',
  '--minify',
  '--bytecode',
  '--format=esm',
  '--splitting',
  '--sourcemap',
  '--no-compile-autoload-dotenv',
  '--no-compile-autoload-bunfig',
  'src/main.ts',
  `--outfile=${partial}`,
])
// By a rename: a tsipfs that runs keeps its file.
renameSync(partial, executable)
