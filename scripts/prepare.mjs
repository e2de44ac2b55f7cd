// Builds dist/tsipfs, one executable, and dist/node, the same bundle for Node 24 and later. Runs on Node 20.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { COMPILE_FLAGS, ENTRIES } from './build-flags.mjs'
import { bunPath } from './bun.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const out = process.env.TSIPFS_DIST ?? join(root, 'dist')

function bun(args) {
  const result = spawnSync(bunPath(), args, { cwd: root, encoding: 'utf8' })
  if (result.status !== 0) {
    process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error ?? ''}\n`)
    process.exit(1)
  }
}

/** The commit that is built, for `version --commit`; empty outside of a clone. */
const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' })
const define = `--define=TSIPFS_COMMIT=${JSON.stringify(commit.status === 0 ? commit.stdout.trim() : '')}`

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
  define,
  '--target=node',
  '--minify',
  '--splitting',
  '--format=esm',
  '--sourcemap=external',
  '--entry-naming=[name].js',
  `--outdir=${fresh}`,
  ...ENTRIES,
])
rmSync(nodeOut, { recursive: true, force: true })
renameSync(fresh, nodeOut)
// The maps of earlier builds have other names.
for (const name of readdirSync(out)) if (name.endsWith('.map')) rmSync(join(out, name))
const executable = join(out, 'tsipfs')
const partial = `${executable}.${process.pid}`
bun(['build', define, ...COMPILE_FLAGS, ...ENTRIES, `--outfile=${partial}`])
// By a rename: a tsipfs that runs keeps its file.
renameSync(partial, executable)
