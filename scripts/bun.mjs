// Runs Bun with the arguments that follow, wherever npm has put it. Runs on Node 20.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Returns Bun's own binary: in the package of the platform, or where its install script has moved it. */
export function bunPath() {
  const require = createRequire(import.meta.url)
  const arch = process.arch === 'arm64' ? 'aarch64' : process.arch
  const system = process.platform === 'win32' ? 'windows' : process.platform
  const program = system === 'windows' ? 'bun.exe' : 'bun'
  for (const name of [`bun-${system}-${arch}`, `bun-${system}-${arch}-musl`]) {
    try {
      const path = join(dirname(require.resolve(`@oven/${name}/package.json`)), 'bin', program)
      if (existsSync(path)) return path
    } catch {
      // Not the package for this machine.
    }
  }
  // Without its install script this is a placeholder that cannot run.
  const moved = join(root, 'node_modules/bun/bin/bun.exe')
  return spawnSync(moved, ['--version']).status === 0 ? moved : undefined
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const bun = bunPath()
  if (bun === undefined) {
    console.error('tsipfs: no Bun for this machine in node_modules: run npm ci')
    process.exit(1)
  }
  const { status } = spawnSync(bun, process.argv.slice(2), { stdio: 'inherit' })
  process.exit(status ?? 1)
}
