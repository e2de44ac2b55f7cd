/**
 * Test scripts: command lines on top, files below, each file begun by a line `-- name --`.
 *
 *   exec tsipfs add -q hello.txt     runs a program, which must end with 0; `! exec` must fail, `? exec` may
 *   status 3                         the status of the last program
 *   stdout 'regex'   ! stdout .      what it printed; `stderr` likewise; ^ and $ mean lines
 *   cmp stdout want.txt              byte for byte; two files can be compared too
 *   capture NAME 'regex'             group 1, or the whole match, of stdout becomes $NAME
 *   stdin file                       for the next exec
 *   env KEY=VALUE, cd, mkdir, rm, cp, mv, chmod, symlink, exists, ! exists, write FILE 'text', bytes FILE SIZE SEED
 *   [oneshot] [daemon] [remote]      before a line: only in that mode
 *   noinit                           first line: no repo is made
 *   skip 'reason'                    ends the script; the reason is printed
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { findCommand } from '../../src/cli/find-command.ts'
import { commands } from '../../src/commands/index.ts'
import { shapeProblem } from '../../src/contract/shape.ts'

export type Mode = 'oneshot' | 'daemon' | 'remote'

export interface Outcome {
  readonly state: 'passed' | 'failed' | 'skipped'
  readonly text: string
}

const EXEC_TIMEOUT_MS = 60_000

export interface Finished {
  readonly status: number
  readonly stdout: Buffer
  readonly stderr: Buffer
}

/** Runs a program to its end, with a time limit after which it is killed. */
export function runProgram(
  argv: readonly string[],
  options: { cwd: string; env: NodeJS.ProcessEnv; stdin?: Buffer | undefined; timeoutMs?: number },
): Promise<Finished> {
  return new Promise((resolvePromise, reject) => {
    const [program = '', ...args] = argv
    const child = spawn(program, args, { cwd: options.cwd, env: options.env, stdio: ['pipe', 'pipe', 'pipe'] })
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', chunk => out.push(chunk))
    child.stderr.on('data', chunk => err.push(chunk))
    // A program that does not read its input closes it early.
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.stdin ?? '')
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? EXEC_TIMEOUT_MS)
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      if (signal !== null) err.push(Buffer.from(`\n[ended by ${signal}]`))
      resolvePromise({ status: code ?? 137, stdout: Buffer.concat(out), stderr: Buffer.concat(err) })
    })
  })
}

/** Returns bytes made by rule: SHA-256 of seed and counter, one after another. */
export function seededBytes(size: number, seed: number): Buffer {
  const parts: Buffer[] = []
  for (let at = 0, counter = 0n; at < size; at += 32, counter++) {
    const head = Buffer.alloc(12)
    head.writeUInt32BE(seed)
    head.writeBigUInt64BE(counter, 4)
    parts.push(createHash('sha256').update(head).digest())
  }
  return Buffer.concat(parts).subarray(0, size)
}

interface State {
  readonly mode: Mode
  readonly program: readonly string[]
  readonly work: string
  readonly repo: string
  readonly env: Record<string, string | undefined>
  cwd: string
  last: Finished | undefined
  stdin: Buffer | undefined
}

/** Splits a script into its lines and its files. */
export function parseScript(text: string): { lines: string[]; files: Map<string, string> } {
  const lines: string[] = []
  const files = new Map<string, string>()
  let name: string | undefined
  for (const line of text.split('\n')) {
    const begin = /^-- (.+) --$/.exec(line)
    if (begin?.[1] !== undefined) {
      name = begin[1]
      files.set(name, '')
    } else if (name === undefined) lines.push(line)
    else files.set(name, `${files.get(name) ?? ''}${line}\n`)
  }
  // The last file does not gain the newline that ends the script.
  if (name !== undefined) files.set(name, (files.get(name) ?? '').replace(/\n$/, ''))
  return { lines, files }
}

/** Splits a line into words; single quotes keep spaces, $NAME is filled in outside them and in double quotes. */
export function splitWords(line: string, env: Readonly<Record<string, string | undefined>>): string[] {
  const fill = (text: string): string => text.replace(/\$\{?(\w+)\}?/g, (_, name: string) => env[name] ?? '')
  const words: string[] = []
  const pattern = /((?:'(?:[^']|'')*'|"[^"]*"|[^\s'"])+)/g
  for (const [word] of line.matchAll(pattern)) {
    let out = ''
    for (const [, single, double, bare] of word.matchAll(/'((?:[^']|'')*)'|"([^"]*)"|([^'"]+)/g)) {
      out += single !== undefined ? single.replaceAll("''", "'") : fill(double ?? bare ?? '')
    }
    words.push(out)
  }
  return words
}

/** Runs one script in one mode, in a fresh folder below `base`. */
export async function runScript(path: string, mode: Mode, program: readonly string[], base: string): Promise<Outcome> {
  const { lines, files } = parseScript(fs.readFileSync(path, 'utf8'))
  const root = fs.mkdtempSync(join(base, 's-'))
  const [work, repo, home] = [join(root, 'work'), join(root, 'repo'), join(root, 'home')]
  for (const folder of [work, home]) fs.mkdirSync(folder)
  for (const [name, text] of files) {
    fs.mkdirSync(dirname(join(work, name)), { recursive: true })
    fs.writeFileSync(join(work, name), text)
  }
  const env: Record<string, string | undefined> = {
    PATH: process.env.PATH,
    HOME: home,
    TMPDIR: root,
    IPFS_PATH: repo,
    TSIPFS_PATH: repo,
    REPO: repo,
    WORK: work,
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    NO_COLOR: '1',
    TSIPFS_RUNTIME: process.env.TSIPFS_RUNTIME,
    KUBO_BIN: process.env.KUBO_BIN,
  }
  const state: State = { mode, program, work, repo, env, cwd: work, last: undefined, stdin: undefined }
  let daemon: { stop: () => Promise<void> } | undefined
  try {
    const wantsRepo = !lines.some(line => line.trim() === 'noinit')
    if (!wantsRepo && mode !== 'oneshot') return { state: 'passed', text: 'needs no daemon' }
    if (wantsRepo) {
      const init = await runProgram([...program, 'init', '--profile=test'], { cwd: work, env })
      if (init.status !== 0) return { state: 'failed', text: `init: ${init.stderr.toString()}` }
      if (mode !== 'oneshot') daemon = await startDaemon(program, work, env)
    }
    return await runLines(lines, state)
  } catch (error) {
    return { state: 'failed', text: error instanceof Error ? error.message : String(error) }
  } finally {
    await daemon?.stop()
    fs.rmSync(root, { recursive: true, force: true })
  }
}

/** Starts a daemon and waits until it says that it is ready. */
export async function startDaemon(
  program: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
  args: readonly string[] = [],
): Promise<{ pid: number; stop: () => Promise<void> }> {
  const child = spawn(program[0] ?? '', [...program.slice(1), 'daemon', ...args], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<void>(done => child.once('close', () => done()))
  let text = ''
  await new Promise<void>((ready, reject) => {
    const limit = setTimeout(() => reject(new Error(`daemon not ready: ${text}`)), 30_000)
    const onData = (chunk: Buffer): void => {
      text += chunk.toString()
      if (!text.includes('Daemon is ready')) return
      clearTimeout(limit)
      ready()
    }
    child.stdout.on('data', onData)
    child.stderr.on('data', onData)
    child.once('close', status => {
      clearTimeout(limit)
      reject(new Error(`daemon ended with ${status}: ${text}`))
    })
  })
  return {
    pid: child.pid ?? 0,
    async stop() {
      child.kill('SIGTERM')
      const limit = setTimeout(() => child.kill('SIGKILL'), 15_000)
      await ended
      clearTimeout(limit)
    },
  }
}

async function runLines(lines: readonly string[], state: State): Promise<Outcome> {
  for (const [index, raw] of lines.entries()) {
    let line = raw.trim()
    if (line === '' || line.startsWith('#') || line === 'noinit') continue
    const condition = /^\[(!?)(\w+)\]\s*/.exec(line)
    if (condition !== null) {
      if ((condition[2] === state.mode) === (condition[1] === '!')) continue
      line = line.slice(condition[0].length)
    }
    if (line.startsWith('skip ')) return { state: 'skipped', text: line.slice(5) }
    const problem = await runLine(line, state)
    if (problem === undefined) continue
    const last =
      state.last === undefined ? '' : `\n--- stdout\n${clip(state.last.stdout)}\n--- stderr\n${clip(state.last.stderr)}`
    return { state: 'failed', text: `line ${index + 1}: ${raw.trim()}\n${problem}${last}` }
  }
  return { state: 'passed', text: '' }
}

function clip(bytes: Buffer): string {
  const text = bytes.toString()
  return text.length > 2000 ? `${text.slice(0, 2000)}…` : text
}

async function runLine(line: string, state: State): Promise<string | undefined> {
  const sign = line[0] === '!' || line[0] === '?' ? line[0] : ''
  const words = splitWords(line.slice(sign.length).trim(), state.env)
  const [verb = '', ...args] = words
  const at = (name: string | undefined): string => resolve(state.cwd, name ?? '')
  switch (verb) {
    case 'exec':
      return await exec(args, sign, state)
    case 'status':
      return state.last?.status === Number(args[0]) ? undefined : `status is ${state.last?.status}`
    case 'stdout':
    case 'stderr': {
      const matches = new RegExp(args[0] ?? '', 'm').test(state.last?.[verb].toString() ?? '')
      return matches === (sign === '') ? undefined : `${verb} ${matches ? 'matches' : 'does not match'}`
    }
    case 'cmp': {
      const [a, b] = args.map(name =>
        name === 'stdout' || name === 'stderr' ? state.last?.[name] : fs.readFileSync(at(name)),
      )
      const isSame = a !== undefined && b !== undefined && a.equals(b)
      return isSame === (sign === '')
        ? undefined
        : `they ${isSame ? 'are the same' : `differ: ${clip(a ?? Buffer.alloc(0))} and ${clip(b ?? Buffer.alloc(0))}`}`
    }
    case 'capture': {
      const match = new RegExp(args[1] ?? '', 'm').exec(state.last?.stdout.toString() ?? '')
      if (match === null) return 'stdout does not match'
      state.env[args[0] ?? ''] = match[1] ?? match[0]
      return undefined
    }
    case 'stdin':
      state.stdin = args[0] === 'stdout' ? state.last?.stdout : fs.readFileSync(at(args[0]))
      return undefined
    case 'env': {
      const [, key = '', value] = /^(\w+)=?(.*)$/s.exec(args[0] ?? '') ?? []
      state.env[key] = args[0]?.includes('=') === true ? value : undefined
      return undefined
    }
    case 'exists':
      return fs.existsSync(at(args[0])) === (sign === '')
        ? undefined
        : `${args[0]}: ${sign === '' ? 'is not there' : 'is there'}`
    default:
      return changeFiles(verb, args, state, at)
  }
}

function changeFiles(
  verb: string,
  args: readonly string[],
  state: State,
  at: (name: string | undefined) => string,
): string | undefined {
  const [first, second, third] = args
  switch (verb) {
    case 'cd':
      state.cwd = first === undefined ? state.work : at(first)
      return undefined
    case 'mkdir':
      fs.mkdirSync(at(first), { recursive: true })
      return undefined
    case 'rm':
      fs.rmSync(at(first), { recursive: true, force: true })
      return undefined
    case 'cp':
      if (first === 'stdout') fs.writeFileSync(at(second), state.last?.stdout ?? '')
      else fs.cpSync(at(first), at(second), { recursive: true })
      return undefined
    case 'mv':
      fs.renameSync(at(first), at(second))
      return undefined
    case 'chmod':
      fs.chmodSync(at(second), Number.parseInt(first ?? '', 8))
      return undefined
    case 'symlink':
      fs.symlinkSync(first ?? '', at(second))
      return undefined
    case 'write':
      fs.writeFileSync(at(first), second ?? '')
      return undefined
    case 'bytes':
      fs.writeFileSync(at(first), seededBytes(Number(second), Number(third ?? 1)))
      return undefined
    default:
      return `unknown line: ${verb}`
  }
}

async function exec(args: readonly string[], sign: string, state: State): Promise<string | undefined> {
  const isOurs = args[0] === 'tsipfs'
  const api = state.mode === 'remote' ? ['--api', `/unix${join(state.repo, 'api.sock')}`] : []
  const argv = isOurs ? [...state.program, ...api, ...args.slice(1)] : args
  state.last = await runProgram(argv, { cwd: state.cwd, env: state.env, stdin: state.stdin })
  state.stdin = undefined
  const { status } = state.last
  if (status === 70) return 'status 70: a bug'
  if (sign === '' && status !== 0) return `status ${status}`
  if (isOurs && status === 0) {
    const problem = await resultProblem(args.slice(1), state.last.stdout.toString())
    if (problem !== undefined) return problem
  }
  return sign === '!' && status === 0 ? 'status 0, and it should fail' : undefined
}

/** Returns in what the JSON that a command line printed is not as the command declares. */
export async function resultProblem(args: readonly string[], stdout: string): Promise<string | undefined> {
  if (!args.some(word => /^--(json|enc(oding)?=json)$/.test(word))) return undefined
  const isCommand = (path: string): boolean => Object.hasOwn(commands, path)
  const isPrefix = (path: string): boolean => Object.keys(commands).some(name => name.startsWith(`${path} `))
  const command = await commands[findCommand(args, isCommand, isPrefix).path]?.()
  if (command?.result === undefined || command.output === 'bytes') return undefined
  for (const line of stdout.split(/[\n\0]/)) {
    const problem = line === '' ? undefined : shapeProblem(command.result, JSON.parse(line))
    if (problem !== undefined) return `${command.path}: ${problem}: ${line.slice(0, 500)}`
  }
  return undefined
}
