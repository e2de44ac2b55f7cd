/**
 * Runs the scripts of this folder: one-shot, beside a daemon, and through `--api <socket>`.
 * Usage: run.ts [--mode oneshot|daemon|remote]... [--jobs N] [NAME...]; TSIPFS_BIN names the program.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Mode, type Outcome, runScript } from './script.ts'

const { values, positionals } = parseArgs({
  options: { mode: { type: 'string', multiple: true }, jobs: { type: 'string' } },
  allowPositionals: true,
})
const program = [resolve(process.env.TSIPFS_BIN ?? join(import.meta.dirname, '../../bin/tsipfs'))]
const modes = (values.mode ?? ['oneshot', 'daemon', 'remote']) as Mode[]
const scripts = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.txt'))
  .filter(name => positionals.length === 0 || positionals.some(word => name.includes(word)))
  .sort()
const base = mkdtempSync(join(tmpdir(), 'tsipfs-cli-'))
const work = scripts.flatMap(name => modes.map(mode => ({ name, mode })))
const counts = { passed: 0, failed: 0, skipped: 0 }

async function worker(): Promise<void> {
  for (let next = work.shift(); next !== undefined; next = work.shift()) {
    const outcome: Outcome = await runScript(join(import.meta.dirname, next.name), next.mode, program, base)
    counts[outcome.state] += 1
    const title = `${basename(next.name, '.txt')} (${next.mode})`
    if (outcome.state === 'failed') console.log(`FAIL ${title}\n${outcome.text}\n`)
    if (outcome.state === 'skipped') console.log(`skipped ${title}: ${outcome.text}`)
  }
}

await Promise.all(Array.from({ length: Number(values.jobs ?? 2) }, worker))
rmSync(base, { recursive: true, force: true })
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0
