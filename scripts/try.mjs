// The first minute with tsipfs: adds a folder to a repo that ends with this run, reads it back, compares.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const folder = resolve(process.argv[2] ?? join(root, 'docs'))
const scratch = mkdtempSync(join(tmpdir(), 'tsipfs-try-'))
const env = { ...process.env, TSIPFS_PATH: join(scratch, 'repo') }

function run(program, args) {
  console.log(`$ ${basename(program)} ${args.join(' ')}`)
  const result = spawnSync(program, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  process.stdout.write(result.stdout ?? '')
  if (result.status !== 0) throw new Error(`${basename(program)} ended with status ${result.status}`)
  return result.stdout.trim()
}

try {
  const tsipfs = join(root, 'bin/tsipfs')
  const cid = run(tsipfs, ['add', '-r', '-Q', folder])
  run(tsipfs, ['ls', cid])
  run(tsipfs, ['get', cid, '-o', join(scratch, 'back')])
  run('diff', ['-r', folder, join(scratch, 'back')])
  console.log(`The folder was added as ${cid} and read back without a difference.`)
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
