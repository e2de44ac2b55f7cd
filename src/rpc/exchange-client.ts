import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import type { Exchange, FetchState } from '../node/exchange.ts'
import type { Waiting } from '../repo/roles.ts'
import { reachDaemon } from './daemon-address.ts'
import {
  EXCHANGE_PATH,
  EXCHANGE_PROTOCOL,
  type ExchangeTerms,
  encodeFrame,
  encodeJson,
  FRAME,
  type Frame,
  FrameReader,
  splitCid,
} from './exchange-wire.ts'
import { parseRecord } from './failures.ts'
import { FrameWriter } from './frame-writer.ts'
import type { OwnSocket } from './own-socket.ts'

/** Time that the daemon has, at the end, to store what it fetched for us. */
const LAST_FLUSH_TIMEOUT_MS = 10_000
const HEAD_BYTES_MAX = 16 * 1024

export interface DaemonExchangeOptions extends Waiting {
  readonly terms: Omit<ExchangeTerms, 'watches'>
  /** Throws `data-mismatch`. */
  readonly check: (cid: CID, bytes: Uint8Array) => void | Promise<void>
  readonly onState?: ((state: FetchState) => void) | undefined
}

/** Returns the exchange of the daemon on this repo; undefined when there is none. */
export async function daemonExchange(repoPath: string, options: DaemonExchangeOptions): Promise<Exchange | undefined> {
  for await (const { open: socket } of reachDaemon(repoPath)) {
    const rest = await upgrade(socket, options.signal)
    if (rest === undefined) {
      socket.destroy()
      continue
    }
    return new DaemonExchange(socket, rest, options)
  }
  return undefined
}

/** Returns what follows the answer to the upgrade; undefined when it was refused. */
function upgrade(socket: OwnSocket, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
  const request = `GET ${EXCHANGE_PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: ${EXCHANGE_PROTOCOL}\r\n\r\n`
  socket.write(Buffer.from(request))
  return new Promise((resolve, reject) => {
    let head = Buffer.alloc(0)
    const onAbort = (): void => {
      socket.destroy()
      reject(signal?.reason)
    }
    const finish = (rest: Uint8Array | undefined): void => {
      signal?.removeEventListener('abort', onAbort)
      resolve(rest)
    }
    socket.listen({
      data(chunk) {
        head = Buffer.concat([head, chunk])
        const end = head.indexOf('\r\n\r\n')
        if (end < 0 && head.length < HEAD_BYTES_MAX) return
        const isUpgraded = end >= 0 && head.toString('latin1', 0, 12) === 'HTTP/1.1 101'
        finish(isUpgraded ? head.subarray(end + 4) : undefined)
      },
      close: () => finish(undefined),
    })
    signal?.addEventListener('abort', onAbort)
  })
}

interface Waiter {
  resolve(bytes: Uint8Array): void
  reject(error: unknown): void
}

interface Want {
  readonly cid: CID
  readonly waiters: Set<Waiter>
}

class DaemonExchange implements Exchange {
  readonly #socket: OwnSocket
  readonly #writer: FrameWriter
  readonly #options: DaemonExchangeOptions
  readonly #reader = new FrameReader()
  readonly #wants = new Map<string, Want>()
  readonly #flushes: { resolve(): void; reject(error: unknown): void }[] = []
  /** Something was fetched since the last flush. */
  #isDirty = false
  #lost: Failure | undefined

  constructor(socket: OwnSocket, rest: Uint8Array, options: DaemonExchangeOptions) {
    this.#socket = socket
    this.#writer = new FrameWriter(socket)
    this.#options = options
    this.#writer.write(encodeJson(FRAME.open, { ...options.terms, watches: options.onState !== undefined }))
    if (rest.length > 0) this.#take(rest)
    socket.listen({ data: chunk => this.#take(chunk), close: () => this.#lose() })
  }

  get(cid: CID, { signal }: Waiting = {}): Promise<Uint8Array> {
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    if (this.#lost !== undefined) return Promise.reject(this.#lost)
    const key = keyOf(cid.bytes)
    let want = this.#wants.get(key)
    if (want === undefined) {
      want = { cid, waiters: new Set() }
      this.#wants.set(key, want)
      this.#writer.write(encodeFrame(FRAME.want, cid.bytes))
    }
    return this.#wait(key, want, signal)
  }

  #wait(key: string, want: Want, signal: AbortSignal | undefined): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        signal?.removeEventListener('abort', onAbort)
        want.waiters.delete(waiter)
        act()
      }
      const waiter: Waiter = {
        resolve: bytes => settle(() => resolve(bytes)),
        reject: error => settle(() => reject(error)),
      }
      const onAbort = (): void => {
        waiter.reject(signal?.reason)
        if (want.waiters.size > 0 || this.#wants.get(key) !== want) return
        this.#wants.delete(key)
        if (this.#lost === undefined) this.#writer.write(encodeFrame(FRAME.cancel, want.cid.bytes))
      }
      want.waiters.add(waiter)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  #take(chunk: Uint8Array): void {
    try {
      for (const frame of this.#reader.read(chunk)) this.#frame(frame)
    } catch (error) {
      this.#lost ??= new Failure('network', 'the daemon on this repo speaks another language', {
        hint: 'restart it: it may be of another version',
        cause: error,
      })
      this.#socket.destroy()
    }
  }

  #frame({ kind, body }: Frame): void {
    if (kind === FRAME.block) {
      const { cid, rest } = splitCid(body)
      void this.#took(cid, rest)
    } else if (kind === FRAME.failure) {
      const { cid, rest } = splitCid(body)
      const failure = parseRecord(textOf(rest)) ?? new Failure('failed', 'the daemon gave no reason')
      this.#settle(keyOf(cid), waiter => waiter.reject(failure))
    } else if (kind === FRAME.flushed) {
      const failure = body.length > 0 ? parseRecord(textOf(body)) : undefined
      const flush = this.#flushes.shift()
      if (failure === undefined) flush?.resolve()
      else flush?.reject(failure)
    } else if (kind === FRAME.state) {
      this.#options.onState?.(stateOf(JSON.parse(textOf(body))))
    }
  }

  /** Nobody is trusted with bytes, our own daemon neither. */
  async #took(cid: Uint8Array, bytes: Uint8Array): Promise<void> {
    const key = keyOf(cid)
    const want = this.#wants.get(key)
    if (want === undefined) return
    this.#isDirty = true
    try {
      const checked = this.#options.check(want.cid, bytes)
      if (checked instanceof Promise) await checked
      this.#settle(key, waiter => waiter.resolve(bytes))
    } catch (error) {
      this.#settle(key, waiter => waiter.reject(error))
    }
  }

  #settle(key: string, act: (waiter: Waiter) => void): void {
    const want = this.#wants.get(key)
    this.#wants.delete(key)
    for (const waiter of want?.waiters ?? []) act(waiter)
  }

  #lose(): void {
    this.#lost ??= new Failure('network', 'the daemon on this repo went away', {
      hint: 'run the command again: what was stored is not fetched twice',
      data: { daemon: 'gone' },
    })
    for (const key of [...this.#wants.keys()]) this.#settle(key, waiter => waiter.reject(this.#lost))
    for (const flush of this.#flushes.splice(0)) flush.reject(this.#lost)
  }

  async flush({ signal }: Waiting = {}): Promise<void> {
    if (!this.#isDirty) return
    if (this.#lost !== undefined) throw this.#lost
    signal?.throwIfAborted()
    this.#isDirty = false
    this.#writer.write(encodeFrame(FRAME.flush))
    const flushed = new Promise<void>((resolve, reject) => {
      this.#flushes.push({ resolve, reject })
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
    await flushed.catch(error => {
      this.#isDirty = true
      throw error
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Whoever needed it to be durable has flushed, and heard of a failure.
    await this.flush({ signal: AbortSignal.timeout(LAST_FLUSH_TIMEOUT_MS) }).catch(() => undefined)
    this.#writer.end()
  }
}

function keyOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
}

function stateOf(value: unknown): FetchState {
  const record: Readonly<Record<string, unknown>> = typeof value === 'object' && value !== null ? { ...value } : {}
  const number = (name: string): number => Number(record[name] ?? 0)
  return {
    ...{ peers: number('peers'), wants: number('wants'), blocks: number('blocks'), bytes: number('bytes') },
    tried: String(record.tried ?? ''),
  }
}
