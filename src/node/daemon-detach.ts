import { spawn } from 'node:child_process'
import { open, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { EXIT_STATUS, Failure, type FailureKind, systemFailure } from '../contract/failure.ts'
import { ownArguments } from './own-arguments.ts'

const LOG_BYTES_MAX = 10 * 1024 * 1024

/**
 * Starts this same command line again in the background, without `--detach`, and returns what it printed once it is
 * ready. Its output goes to `daemon.log` in the repo. Throws what kept it from becoming ready.
 */
export async function detachDaemon(repoPath: string, signal: AbortSignal): Promise<{ Message: string }[]> {
  const logFile = join(repoPath, 'daemon.log')
  const { isRepo } = await import('../repo/open.ts')
  if (!(await isRepo(repoPath))) {
    throw new Failure('no-repo', `there is no repo at ${repoPath}`, { hint: 'make one with: tsipfs init' })
  }
  await using log = await openLog(logFile)
  const from = (await log.stat()).size
  const child = spawn(process.execPath, attachedArguments(), {
    detached: true,
    stdio: ['ignore', log.fd, log.fd, 'pipe'],
    env: { ...process.env, IPFS_PATH: repoPath, TSIPFS_PATH: repoPath },
  })
  const exited = new Promise<number>((resolve, reject) => {
    child.once('error', error => reject(systemFailure(error, process.execPath)))
    child.once('exit', (code, name) => resolve(code ?? (name === null ? 1 : 128)))
  })
  const stop = (): void => void child.kill('SIGTERM')
  signal.addEventListener('abort', stop, { once: true })
  try {
    const ready = await Promise.race([readReady(child.stdio[3] as Readable), exited])
    signal.throwIfAborted()
    if (typeof ready === 'string' && ready !== '') {
      child.unref()
      return ready
        .trimEnd()
        .split('\n')
        .map(Message => ({ Message }))
    }
    throw await startFailure(await exited, logFile, from)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

async function openLog(path: string): ReturnType<typeof open> {
  // A log that has grown large begins anew.
  const size = await stat(path).then(
    found => found.size,
    () => 0,
  )
  return await open(path, size > LOG_BYTES_MAX ? 'w' : 'a', 0o600)
}

/** Returns what this process was called with, without `--detach`. */
function attachedArguments(): string[] {
  const all = ownArguments()
  const end = all.indexOf('--')
  const words = all.filter((word, index) => (end >= 0 && index > end) || !/^(--detach(=.*)?|-d)$/.test(word))
  return [...words, '--ready-fd=3']
}

async function readReady(pipe: Readable): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of pipe) chunks.push(chunk as Uint8Array)
  return Buffer.concat(chunks).toString('utf8')
}

/** The daemon has told its log why it could not start. */
async function startFailure(status: number, logFile: string, from: number): Promise<Failure> {
  const text = (await readFile(logFile)).subarray(from).toString('utf8')
  const lines = text.split('\n').filter(line => line !== '')
  const message = lines.findLast(line => line.startsWith('Error: '))?.slice('Error: '.length)
  const hint = lines.findLast(line => line.startsWith('hint: '))?.slice('hint: '.length) ?? `see ${logFile}`
  const kinds = Object.entries(EXIT_STATUS) as [FailureKind, { status: number }][]
  const kind = kinds.find(([, entry]) => entry.status === status)?.[0] ?? 'failed'
  return new Failure(kind, message ?? `the daemon ended with status ${status} before it was ready`, { hint })
}
