/** Daemons, ours and Kubo's, each on a repo of its own. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { type Ended, ended, Place, PROGRAM, printed, type RunOptions } from './program.ts'

export const KUBO: string | undefined = process.env.KUBO_BIN || undefined

/** A node that runs: its commands go to its daemon. */
export class Daemon implements AsyncDisposable {
  readonly place: Place
  readonly program: string
  #child: ChildProcessByStdio<Writable, Readable, Readable>
  #over: Promise<Ended>
  readonly #args: readonly string[]
  readonly #within: readonly string[]
  peer = ''
  /** Where peers reach it, with its id. */
  address = ''

  private constructor(program: string, place: Place, args: readonly string[], within: readonly string[]) {
    this.program = program
    this.place = place
    this.#args = args
    this.#within = within
    this.#child = this.start(['daemon', ...args])
    this.#over = ended(this.#child, { timeoutMs: 300_000 })
  }

  /** Starts a daemon on a new repo, with `config` set before. */
  static async start(
    options: {
      program?: string
      args?: readonly string[]
      config?: Readonly<Record<string, unknown>>
      /** Written into the repo before. */
      files?: Readonly<Record<string, string>>
      base?: string
      profile?: string
      /** What stands before each command, to put it elsewhere: into a network namespace. */
      within?: readonly string[]
    } = {},
  ): Promise<Daemon> {
    const program = options.program ?? PROGRAM
    const place = new Place(options.base)
    const env = environment(place)
    const run = async (args: readonly string[]): Promise<void> => {
      const child = spawn(program, args, { env, cwd: place.folder, stdio: ['pipe', 'pipe', 'pipe'] })
      child.stdin.end()
      const { status, stderr } = await ended(child)
      if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr}`)
    }
    await run(['init', `--profile=${options.profile ?? 'test'}`])
    for (const [key, value] of Object.entries(options.config ?? {})) {
      await run(['config', '--json', key, JSON.stringify(value)])
    }
    for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(join(place.repo, name), text)
    const daemon = new Daemon(program, place, options.args ?? [], options.within ?? [])
    await daemon.#ready()
    return daemon
  }

  async #ready(): Promise<void> {
    try {
      await printed(this.#child, /Daemon is ready/)
      this.peer = await this.ok(['config', 'Identity.PeerID'])
      if (this.#args.includes('--offline')) return
      const listening = (await this.ok(['swarm', 'addrs', 'listen'])).split('\n')
      this.address = `${listening.find(text => /\/tcp\/\d+$/.test(text))}/p2p/${this.peer}`
    } catch (error) {
      await this.kill()
      throw error
    }
  }

  /** Ends the process, and returns what it said; the repo stays. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Ended> {
    this.#child.kill(signal)
    return await this.#over
  }

  /** Starts the daemon again, on the same repo. */
  async restart(): Promise<void> {
    this.#child = this.start(['daemon', ...this.#args])
    this.#over = ended(this.#child, { timeoutMs: 300_000 })
    await this.#ready()
  }

  /** The process of the daemon. */
  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Starts a command on its repo. Whoever starts it ends it. */
  start(args: readonly string[]): ChildProcessByStdio<Writable, Readable, Readable> {
    const { place } = this
    const [program = '', ...words] = [...this.#within, this.program, ...args]
    return spawn(program, words, { cwd: place.folder, env: environment(place), stdio: ['pipe', 'pipe', 'pipe'] })
  }

  /** Runs a command on its repo to its end. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    const child = this.start(args)
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.input ?? '')
    return await ended(child, options)
  }

  /** Runs a command, which has to succeed, and returns what it printed, without the last newline. */
  async ok(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { status, stdout, stderr } = await this.run(args, options)
    if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`)
    return stdout.replace(/\n$/, '')
  }

  async connect(other: Daemon): Promise<void> {
    await this.ok(['swarm', 'connect', other.address])
  }

  /** Runs a command again and again until what it prints is accepted. */
  async until(args: readonly string[], accept: (stdout: string) => boolean, timeoutMs = 20_000): Promise<void> {
    const end = Date.now() + timeoutMs
    for (;;) {
      const { stdout, stderr } = await this.run(args)
      if (accept(stdout)) return
      if (Date.now() > end) throw new Error(`${args.join(' ')}: still ${stdout}${stderr}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#over
    this.place[Symbol.dispose]()
  }
}

function environment(place: Place): Record<string, string | undefined> {
  return { PATH: process.env.PATH, HOME: place.folder, TSIPFS_PATH: place.repo, IPFS_PATH: place.repo, NO_COLOR: '1' }
}
