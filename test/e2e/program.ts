/** The program under test, run as a user would: the executable, or what TSIPFS_BIN names. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Readable, Writable } from 'node:stream'

export const PROGRAM: string = resolve(process.env.TSIPFS_BIN ?? join(import.meta.dirname, '../../bin/tsipfs'))
export const DIST: string = join(import.meta.dirname, '../../dist')

export interface Ended {
  /** The status, or 128 and the number of the signal that ended it, as a shell sees it. */
  readonly status: number
  readonly stdout: string
  readonly stderr: string
  /** The most memory that it was seen to use, in bytes; only with `measure`. */
  readonly peakBytes: number
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Standard input; closed at once when not given. */
  readonly input?: string | Uint8Array
  readonly timeoutMs?: number
  readonly measure?: boolean
  /** Standard output goes elsewhere, and is not returned. */
  readonly discard?: boolean
}

export type Running = ChildProcessByStdio<Writable, Readable, Readable>

const SIGNALS: Readonly<Record<string, number>> = { SIGINT: 2, SIGKILL: 9, SIGTERM: 15, SIGPIPE: 13 }

/** A folder with a repo of its own, gone at the end of the test. */
export class Place implements Disposable {
  readonly folder: string
  readonly repo: string
  readonly #atEnd: (() => void)[] = []

  constructor(base: string = tmpdir()) {
    this.folder = mkdtempSync(join(base, 'tsipfs-e2e-'))
    this.repo = join(this.folder, 'repo')
  }

  path(...names: string[]): string {
    return join(this.folder, ...names)
  }

  /** Starts the program on this repo. Whoever starts it ends it. */
  start(args: readonly string[], options: RunOptions = {}): Running {
    const env = { PATH: process.env.PATH, HOME: this.folder, TSIPFS_PATH: this.repo, NO_COLOR: '1', ...options.env }
    return spawn(PROGRAM, args, { cwd: options.cwd ?? this.folder, env, stdio: ['pipe', 'pipe', 'pipe'] })
  }

  /** Runs the program to its end. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    const child = this.start(args, options)
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.input ?? '')
    return await ended(child, options)
  }

  /** Runs the program, which has to succeed, and returns what it printed, without the last newline. */
  async ok(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { status, stdout, stderr } = await this.run(args, options)
    if (status !== 0) throw new Error(`tsipfs ${args.join(' ')} ended with ${status}: ${stderr}`)
    return stdout.replace(/\n$/, '')
  }

  /** Has something done before the folder goes. */
  atEnd(work: () => void): void {
    this.#atEnd.push(work)
  }

  [Symbol.dispose](): void {
    for (const work of this.#atEnd) work()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Resolves when a program has ended, with all that it printed. */
export function ended(child: Running, options: RunOptions = {}): Promise<Ended> {
  const out: Buffer[] = []
  const err: Buffer[] = []
  let peakBytes = 0
  if (options.discard !== true) child.stdout.on('data', chunk => out.push(chunk))
  child.stderr.on('data', chunk => err.push(chunk))
  const limit = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 60_000)
  const look = setInterval(() => {
    if (options.measure === true && child.pid !== undefined) peakBytes = Math.max(peakBytes, memoryPeak(child.pid))
  }, 20)
  return new Promise((resolveEnded, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(limit)
      clearInterval(look)
      const status = code ?? 128 + (SIGNALS[signal ?? ''] ?? 0)
      const text = (parts: Buffer[]): string => Buffer.concat(parts).toString()
      resolveEnded({ status, stdout: text(out), stderr: text(err), peakBytes })
    })
  })
}

/** Returns the most memory that a process has used so far, in bytes; 0 when it is gone. */
export function memoryPeak(pid: number): number {
  try {
    return Number(/VmHWM:\s*(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}

/** Returns how many files and sockets a process has open. */
export function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** Returns a number of peers, or the one that TSIPFS_CROWD asks for: the tests at the size that is promised take long. */
export function crowdOf(initial: number): number {
  return Number(process.env.TSIPFS_CROWD ?? initial)
}

/** Resolves when the output of a program has matched. Throws when it ends before, or the time is over. */
export function printed(child: Running, pattern: RegExp, timeoutMs = 30_000): Promise<RegExpExecArray> {
  return new Promise((resolveMatch, reject) => {
    let text = ''
    const limit = setTimeout(() => reject(new Error(`no ${pattern} within ${timeoutMs} ms in: ${text}`)), timeoutMs)
    const look = (chunk: Buffer): void => {
      text += chunk.toString()
      const match = pattern.exec(text)
      if (match === null) return
      clearTimeout(limit)
      resolveMatch(match)
    }
    child.stdout.on('data', look)
    child.stderr.on('data', look)
    child.on('close', () => {
      clearTimeout(limit)
      reject(new Error(`ended without ${pattern}: ${text}`))
    })
  })
}

/** Bytes that look random and are the same each time. */
export function seeded(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size)
  const words = new Uint32Array(bytes.buffer, 0, size >> 2)
  let state = (seed * 2654435761 + 1) >>> 0
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[at] = state
  }
  return bytes
}
