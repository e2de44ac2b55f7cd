/** A peer that others have written: test/interop, on the Go modules of libp2p, Bitswap, pubsub and the DHT. */
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { DIST } from './program.ts'

const SOURCE = join(import.meta.dirname, '../interop')
const GO_PROGRAM = join(DIST, 'interop')
const MODULES_TIMEOUT_MS = 90_000
const BUILD_TIMEOUT_MS = 150_000
const START_TIMEOUT_MS = 20_000

/**
 * Builds the peer, unless Go's cache has it. Returns why it cannot be had: no Go, or no modules; undefined when it is
 * there. Throws when its source is at fault.
 */
export function buildGoPeer(): string | undefined {
  const env = { ...process.env, GOTOOLCHAIN: 'local', CGO_ENABLED: '0' }
  const go = (args: readonly string[], timeout: number) =>
    spawnSync('go', args, { cwd: SOURCE, env, timeout, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  const listed = go(['list', '-deps', '.'], MODULES_TIMEOUT_MS)
  if (listed.error !== undefined) return `no peer in Go: ${listed.error.message}`
  if (listed.status !== 0) return `no peer in Go: ${listed.stderr.trim().split('\n').at(-1)}`
  mkdirSync(DIST, { recursive: true })
  const built = go(['build', '-trimpath', '-ldflags=-s -w', '-o', GO_PROGRAM, '.'], BUILD_TIMEOUT_MS)
  if (built.error !== undefined) return `no peer in Go: not built within ${BUILD_TIMEOUT_MS / 1_000} s`
  if (built.status !== 0) throw new Error(`test/interop does not build: ${built.stderr}`)
  return undefined
}

/** Starts the program of test/interop. Each line that it prints is handed on. */
export class GoProcess implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #over: Promise<unknown>

  constructor(args: readonly string[], onLine: (value: Line) => void, within: readonly string[] = []) {
    const [command = GO_PROGRAM, ...rest] = [...within, GO_PROGRAM, ...args]
    const child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'] })
    child.stdin.on('error', () => undefined)
    this.#child = child
    this.#over = once(child, 'close')
    createInterface({ input: child.stdout }).on('line', text => onLine(JSON.parse(text)))
    void this.#over.then(() => onLine({ event: 'over' }))
  }

  send(value: unknown): void {
    this.#child.stdin.write(`${JSON.stringify(value)}\n`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end()
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), 5_000)
    await this.#over
    clearTimeout(limit)
  }
}

/** A line as main.go of test/interop describes it. */
export interface Line {
  readonly id?: number
  readonly result?: unknown
  readonly error?: string
  readonly event?: string
  readonly [field: string]: unknown
}

/** A message of pubsub that came in. */
export interface Heard {
  readonly topic: string
  readonly from: string
  readonly data: Buffer
}

/** What a peer knows of another one. */
export interface Described {
  /** null until it has been identified. */
  readonly agent: string | null
  readonly protocols: readonly string[]
  readonly security: string
  readonly muxer: string
  readonly direction: string
  readonly addr: string
  readonly addrs: readonly string[]
  readonly connections: number
}

export class GoPeer implements AsyncDisposable {
  #process: GoProcess | undefined
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  readonly #ready = Promise.withResolvers<void>()
  readonly heard: Heard[] = []
  #last = 0
  id = ''
  /** Where others reach it, with its id. */
  addresses: readonly string[] = []

  private constructor() {}

  /** Starts a peer; `within` stands before the command, to put it elsewhere. */
  static async start(args: readonly string[] = [], within: readonly string[] = []): Promise<GoPeer> {
    const peer = new GoPeer()
    peer.#process = new GoProcess(args, line => peer.#read(line), within)
    const limit = setTimeout(() => peer.#ready.reject(new Error('the peer does not begin')), START_TIMEOUT_MS)
    try {
      await peer.#ready.promise
    } finally {
      clearTimeout(limit)
    }
    return peer
  }

  get address(): string {
    return this.addresses[0] ?? ''
  }

  /** Has something done, and returns what it gave. */
  async ask<Result = unknown>(what: string, fields: Readonly<Record<string, unknown>> = {}): Promise<Result> {
    this.#last += 1
    const answer = Promise.withResolvers<unknown>()
    this.#waiting.set(this.#last, answer)
    this.#process?.send({ id: this.#last, do: what, ...fields })
    return (await answer.promise) as Result
  }

  async describe(peer: string): Promise<Described> {
    return await this.ask<Described>('peer', { peer })
  }

  /** Asks again and again until there is an answer, and it is accepted. */
  async until<Result>(
    what: string,
    fields: Readonly<Record<string, unknown>>,
    accept: (result: Result) => boolean,
    timeoutMs = 20_000,
  ): Promise<Result> {
    const end = Date.now() + timeoutMs
    for (;;) {
      const result = await this.ask<Result>(what, fields).catch((error: Error) => error)
      if (!(result instanceof Error) && accept(result)) return result
      if (Date.now() > end)
        throw new Error(`${what}: still ${result instanceof Error ? result.message : JSON.stringify(result)}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  #read(line: Line): void {
    const { id, result, error, event } = line
    if (event === 'ready') {
      this.id = String(line.id)
      this.addresses = Array.isArray(line.addrs) ? line.addrs.map(String) : []
      this.#ready.resolve()
    } else if (event === 'message') {
      const data = Buffer.from(String(line.data), 'base64')
      this.heard.push({ topic: String(line.topic), from: String(line.from), data })
    } else if (event === 'over') {
      const gone = new Error('the peer has ended')
      this.#ready.reject(gone)
      for (const answer of this.#waiting.values()) answer.reject(gone)
    } else if (id !== undefined) {
      const answer = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error === undefined) answer?.resolve(result)
      else answer?.reject(new Error(error))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]()
  }
}
