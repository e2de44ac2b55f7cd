import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { CID } from 'multiformats/cid'
import { Failure, failureToRecord, isAbort } from '../contract/failure.ts'
import type { FetchState } from '../node/exchange.ts'
import type { Node } from '../node/node.ts'
import type { Blocks } from '../repo/roles.ts'
import {
  EXCHANGE_PATH,
  EXCHANGE_PROTOCOL,
  type ExchangeTerms,
  encodeFrame,
  encodeJson,
  encodeWithCid,
  FRAME,
  type Frame,
  FrameReader,
} from './exchange-wire.ts'
import { FrameWriter } from './frame-writer.ts'

/** What one command may wait for at a time. */
const WANTS_MAX = 4_096
/** While so many bytes wait to be taken, nothing more is read. */
const BACKLOG_BYTES_MAX = 16 * 1024 * 1024
const STATE_MS = 250

/** The blocks of the daemon on the terms of one command; disposing of it ends its fetches. */
export interface ExchangeNode extends AsyncDisposable {
  readonly blocks: Blocks
}

export interface ExchangeServerOptions {
  readonly node: Node
  /** Opens the blocks for one command. */
  readonly open: (terms: ExchangeTerms, onState: (state: FetchState) => void) => Promise<ExchangeNode>
  /** Is told of each connection; what it returns is called at its end. */
  readonly begun: () => () => void
  readonly bug: (error: unknown) => void
  readonly signal: AbortSignal
}

/** Answers an upgrade on the repo's own socket. Other paths and protocols are refused. */
export function serveExchange(options: ExchangeServerOptions): (request: IncomingMessage, socket: Socket) => void {
  const flusher = new Flusher(options.node.repo.blocks)
  return (request, socket) => {
    socket.on('error', () => socket.destroy())
    if (request.url !== EXCHANGE_PATH || request.headers.upgrade !== EXCHANGE_PROTOCOL) {
      socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      return
    }
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${EXCHANGE_PROTOCOL}\r\n\r\n`)
    const client = new Client(options, socket, flusher)
    client.run().catch(error => options.bug(error))
  }
}

/** Flushes for many at a time: who comes while one is under way shares the next. */
class Flusher {
  readonly #blocks: Blocks
  #running: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined

  constructor(blocks: Blocks) {
    this.#blocks = blocks
  }

  flush(): Promise<void> {
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined
        this.#running = this.#blocks.flush()
        return this.#running
      })
    return this.#next
  }
}

/** One command that asks for blocks. */
class Client {
  readonly #options: ExchangeServerOptions
  readonly #socket: Socket
  readonly #writer: FrameWriter
  readonly #flusher: Flusher
  readonly #reader = new FrameReader()
  readonly #wants = new Map<string, AbortController>()
  #node: Promise<ExchangeNode> | undefined
  #cids: Promise<typeof import('multiformats/cid')> | undefined
  #brought = false
  #isFlushedEarly = false
  #statedAt = 0

  constructor(options: ExchangeServerOptions, socket: Socket, flusher: Flusher) {
    this.#options = options
    this.#socket = socket
    this.#writer = new FrameWriter(socket, () => {
      if (socket.isPaused()) socket.resume()
    })
    this.#flusher = flusher
  }

  /** Resolves when the command is gone. */
  async run(): Promise<void> {
    const ended = this.#options.begun()
    const onStop = (): void => void this.#socket.destroy()
    this.#options.signal.addEventListener('abort', onStop)
    try {
      const closed = new Promise<void>(resolve => {
        this.#socket.once('close', () => resolve())
        this.#socket.once('end', () => this.#writer.end())
      })
      this.#socket.on('data', chunk => this.#take(chunk as Uint8Array))
      await closed
      for (const want of this.#wants.values()) want.abort(new DOMException('the command has ended', 'AbortError'))
      await (await this.#node?.catch(() => undefined))?.[Symbol.asyncDispose]()
      // A command that was killed has not asked for it; what it fetched is kept all the same.
      if (this.#brought) await this.#flusher.flush()
    } finally {
      this.#options.signal.removeEventListener('abort', onStop)
      ended()
    }
  }

  #take(chunk: Uint8Array): void {
    try {
      for (const frame of this.#reader.read(chunk)) this.#frame(frame)
    } catch (error) {
      this.#socket.destroy()
      if (!(error instanceof Failure)) this.#options.bug(error)
    }
    if (this.#writer.backlogBytes > BACKLOG_BYTES_MAX) this.#socket.pause()
  }

  #frame({ kind, body }: Frame): void {
    if (kind === FRAME.open) this.#open(termsOf(body))
    else if (kind === FRAME.want) void this.#want(body)
    else if (kind === FRAME.cancel) this.#wants.get(keyOf(body))?.abort(new DOMException('taken back', 'AbortError'))
    else if (kind === FRAME.flush) void this.#flush()
  }

  #open(terms: ExchangeTerms): void {
    this.#node ??= this.#options.open(terms, state => this.#state(terms, state))
    // Met by the first want.
    this.#node.catch(() => undefined)
  }

  #state({ watches }: ExchangeTerms, state: FetchState): void {
    const now = Date.now()
    if (!watches || now - this.#statedAt < STATE_MS) return
    this.#statedAt = now
    this.#writer.write(encodeJson(FRAME.state, state))
  }

  async #want(bytes: Uint8Array): Promise<void> {
    const key = keyOf(bytes)
    if (this.#node === undefined || this.#wants.size >= WANTS_MAX) {
      this.#socket.destroy()
      return
    }
    if (this.#wants.has(key)) return
    const stop = new AbortController()
    this.#wants.set(key, stop)
    try {
      const { blocks } = await this.#node
      this.#cids ??= import('multiformats/cid')
      const { CID } = await this.#cids
      const block = await this.#read(blocks, CID.decode(bytes), stop.signal)
      this.#brought = true
      this.#writer.write(encodeWithCid(FRAME.block, bytes, block))
      if (this.#wants.size === 1) this.#flushEarly()
    } catch (error) {
      if (stop.signal.aborted) return
      this.#writer.write(encodeWithCid(FRAME.failure, bytes, Buffer.from(JSON.stringify(this.#recordOf(error)))))
    } finally {
      this.#wants.delete(key)
    }
  }

  /** Many commands want one block: while they take it, it is stored, and they need not wait for that at their end. */
  #flushEarly(): void {
    if (this.#isFlushedEarly) return
    this.#isFlushedEarly = true
    // Whoever asks for a flush hears of a failure.
    this.#flusher.flush().catch(() => undefined)
  }

  async #read(blocks: Blocks, cid: CID, signal: AbortSignal): Promise<Uint8Array> {
    const isHere = await blocks.has(cid, { signal })
    const bytes = await blocks.get(cid, { signal })
    // The command looked before somebody else stored it: it counts on it from now on.
    if (isHere && !this.#options.node.repo.readOnly) await blocks.protect([cid], { signal })
    return bytes
  }

  #recordOf(error: unknown): object {
    if (error instanceof Failure) return failureToRecord(error)
    const text = error instanceof Error ? error.message : String(error)
    if (isAbort(error)) return failureToRecord(new Failure('network', `the daemon has ended the fetch: ${text}`))
    this.#options.bug(error)
    return failureToRecord(new Failure('bug', `a bug in the daemon: ${text}`))
  }

  async #flush(): Promise<void> {
    try {
      await this.#flusher.flush()
      this.#writer.write(encodeFrame(FRAME.flushed))
    } catch (error) {
      this.#writer.write(encodeJson(FRAME.flushed, this.#recordOf(error)))
    }
  }
}

function keyOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

/** Throws for terms that no command sends. */
function termsOf(body: Uint8Array): ExchangeTerms {
  const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'))
  if (typeof value !== 'object' || value === null) throw new Failure('usage', 'malformed terms')
  const terms: Readonly<Record<string, unknown>> = { ...value }
  return {
    lookupTimeoutMs: numberOf(terms.lookupTimeoutMs),
    stallTimeoutMs: numberOf(terms.stallTimeoutMs),
    peers: textsOf(terms.peers),
    gateways: textsOf(terms.gateways),
    watches: terms.watches === true,
  }
}

function numberOf(value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0)) throw new Failure('usage', 'malformed terms')
  return value
}

function textsOf(value: unknown): readonly string[] {
  if (!Array.isArray(value)) throw new Failure('usage', 'malformed terms')
  return value.filter(item => typeof item === 'string')
}
