// Builds dist/tsipfs, one executable, dist/node, the same bundle and the library for Node 24 and later, and dist/types,
// the library's declarations. Runs on Node 20.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { COMPILE_FLAGS, commitDefine, ENTRIES, LIBRARY, LIBRARY_TYPES } from './build-flags.mjs'
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

/** Writes the declarations of the library. Each file is read by itself, without a check: the test command checks types. */
function declarations(folder) {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  if (!existsSync(tsc)) return
  rmSync(folder, { recursive: true, force: true })
  const how =
    '--declaration --emitDeclarationOnly --isolatedDeclarations --noCheck --noResolve --allowImportingTsExtensions'
  const args = `${how} --ignoreConfig --target esnext --module nodenext --types node --rootDir src`.split(' ')
  const result = spawnSync(process.execPath, [tsc, ...args, '--outDir', folder, ...LIBRARY_TYPES], {
    cwd: root,
    encoding: 'utf8',
  })
  if (result.status !== 0) {
    process.stderr.write(`${result.stdout}${result.stderr}\n`)
    process.exit(1)
  }
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.d.ts')) continue
    const file = join(folder, name)
    writeFileSync(file, readFileSync(file, 'utf8').replace(/from '(\.[^']*)\.ts'/g, "from '$1.js'"))
  }
}

const define = commitDefine(root)

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
  LIBRARY,
])
rmSync(nodeOut, { recursive: true, force: true })
renameSync(fresh, nodeOut)
declarations(join(out, 'types'))
// The maps of earlier builds have other names.
for (const name of readdirSync(out)) if (name.endsWith('.map')) rmSync(join(out, name))
const executable = join(out, 'tsipfs')
const partial = `${executable}.${process.pid}`
bun(['build', define, ...COMPILE_FLAGS, ...ENTRIES, `--outfile=${partial}`])
// By a rename: a tsipfs that runs keeps its file.
renameSync(partial, executable)
