import type { Connection, Stream, StreamMessageEvent } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import type { AssumingOptions } from '../assumed-protocol.ts'
import { BLOCK_BYTES_MAX, MESSAGE_BYTES_MAX, SEND_TIMEOUT_MS } from './limits.ts'
import { BITSWAP_120, PROTOCOLS } from './wire.ts'

/** Bytes that may wait in a stream: a message is put there whole. */
const STREAM_BUFFER_BYTES_MAX = 2 * MESSAGE_BYTES_MAX
/** A length of four bytes is more than any message has. */
const LENGTH_FACTOR_MAX = 0x80 ** 3
const EMPTY = new Uint8Array(0)

/**
 * Takes messages, each with its length in front, out of the chunks of a stream. A message is copied once, into a buffer
 * that is made when so many bytes have begun to arrive.
 */
export class MessageReader {
  /** The part of the length that has arrived. */
  #length = 0
  #factor = 1
  #filled = 0
  #message: Uint8Array | undefined;

  /** Yields the messages that a chunk completes. Throws when a length is not allowed. */
  *read(chunk: Uint8Array): Iterable<Uint8Array> {
    let at = 0
    while (at < chunk.length) {
      if (this.#message === undefined) {
        const byte = chunk[at++] ?? 0
        this.#length += (byte & 0x7f) * this.#factor
        if (this.#length > MESSAGE_BYTES_MAX || this.#factor > LENGTH_FACTOR_MAX)
          throw new Error(`a message of more than ${MESSAGE_BYTES_MAX} bytes`)
        this.#factor *= 0x80
        if (byte >= 0x80) continue
        this.#factor = 1
        if (this.#length === 0) continue
        if (chunk.length - at >= this.#length) {
          const whole = Uint8Array.prototype.slice.call(chunk, at, at + this.#length)
          at += this.#length
          this.#length = 0
          yield whole
          continue
        }
        this.#message = new Uint8Array(this.#length)
        this.#filled = 0
      }
      const some = Math.min(chunk.length - at, this.#message.length - this.#filled)
      this.#message.set(some === chunk.length ? chunk : chunk.subarray(at, at + some), this.#filled)
      this.#filled += some
      at += some
      if (this.#filled < this.#message.length) continue
      const message = this.#message
      this.#message = undefined
      this.#length = 0
      yield message
    }
  }
}

/**
 * Reads the messages of an inbound stream until it ends. While `onMessage` returns a promise that is pending, nothing
 * more is read and the sender is held back. A message that is none ends the stream. `onBytes` hears of every piece.
 */
export function readStream(
  stream: Stream,
  onMessage: (bytes: Uint8Array) => Promise<void> | undefined,
  onBytes: () => void = () => undefined,
): void {
  const reader = new MessageReader()
  let chunks: Uint8Array[] = []
  let isWaiting = false
  const fail = (error: unknown): void => stream.abort(error instanceof Error ? error : new Error(String(error)))
  const drain = async (wait: Promise<void>, rest: Iterator<Uint8Array>): Promise<void> => {
    isWaiting = true
    try {
      if (stream.readStatus === 'readable') stream.pause()
      await wait
      for (let next = rest.next(); next.done !== true; next = rest.next()) await onMessage(next.value)
      while (chunks.length > 0) {
        const some = chunks
        chunks = []
        for (const chunk of some) for (const message of reader.read(chunk)) await onMessage(message)
      }
      isWaiting = false
      if (stream.readStatus === 'paused') stream.resume()
    } catch (error) {
      fail(error)
    }
  }
  const take = (chunk: Uint8Array): void => {
    if (isWaiting) {
      chunks.push(chunk)
      return
    }
    const messages = reader.read(chunk)[Symbol.iterator]()
    for (let next = messages.next(); next.done !== true; next = messages.next()) {
      const wait = onMessage(next.value)
      if (wait === undefined) continue
      void drain(wait, messages)
      return
    }
  }
  stream.maxReadBufferLength = STREAM_BUFFER_BYTES_MAX
  stream.addEventListener('message', ({ data }: StreamMessageEvent) => {
    try {
      onBytes()
      if (data instanceof Uint8Array) take(data)
      else for (const chunk of data) take(chunk)
    } catch (error) {
      fail(error)
    }
  })
  // The other side sends on this stream only: what is written has its own.
  const finish = (): void => {
    stream.close().catch(fail)
  }
  stream.addEventListener('remoteCloseWrite', finish)
  if (stream.remoteWriteStatus === 'closed') finish()
}

/** How a peer is reached. */
export interface Way {
  /** Returns the connection over which it is asked: a direct one before one through a relay. */
  readonly connection: () => Connection | undefined
  /** Returns the protocol that it is assumed to speak: a stream for that is open without a round trip. */
  readonly assumedProtocol: () => string | undefined
  /** Is told that the peer does not speak that protocol. What was sent is lost. */
  readonly refused: () => void
}

/** An outbound stream to a peer, opened when the first message is sent and again after it broke. */
export class Sender {
  readonly #way: Way
  #stream: Stream | undefined
  #busy: Promise<void> = Promise.resolve()

  constructor(way: Way) {
    this.#way = way
  }

  /** The protocol that was agreed on last; undefined before the first message. */
  protocol: string | undefined

  /** True unless an older protocol was agreed on, in which nobody says that he has a block. */
  get supportsHave(): boolean {
    return this.protocol === undefined || this.protocol === BITSWAP_120
  }

  /** Opens the stream, so that `protocol` is known. */
  async open(): Promise<void> {
    if (this.#stream === undefined || this.#stream.writeStatus !== 'writable') {
      const connection = this.#way.connection()
      if (connection === undefined) throw new Error('the peer is not connected')
      const assumed = this.#way.assumedProtocol()
      const signal = AbortSignal.timeout(SEND_TIMEOUT_MS)
      const assuming: AssumingOptions = { signal, assumesProtocol: true }
      const stream = await (assumed === undefined
        ? connection.newStream(PROTOCOLS, { signal })
        : connection.newStream(assumed, assuming))
      // Nothing is sent to us on a stream that we opened.
      stream.addEventListener('message', () => undefined)
      stream.addEventListener('close', ({ error }) => {
        if (assumed !== undefined && error?.name === 'UnsupportedProtocolError') this.#way.refused()
      })
      stream.maxWriteBufferLength = STREAM_BUFFER_BYTES_MAX + BLOCK_BYTES_MAX
      this.#stream = stream
      this.protocol = stream.protocol
    }
  }

  /** Opens the stream before there is anything to send: then that will go out at once. */
  prepare(): void {
    this.#busy = this.#busy.then(() => this.open()).catch(() => undefined)
  }

  /** Sends a message after those before it. Resolves when the stream takes more. Rejects when the peer is lost. */
  send(pieces: readonly Uint8Array[]): Promise<void> {
    const sent = this.#busy.then(() => this.#send(pieces))
    this.#busy = sent.catch(() => undefined)
    return sent
  }

  async #send(pieces: readonly Uint8Array[]): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      await this.open()
      try {
        await this.#write(pieces)
        return
      } catch (error) {
        this.#stream?.abort(error instanceof Error ? error : new Error(String(error)))
        this.#stream = undefined
        if (attempt === 2) throw error
      }
    }
  }

  async #write(pieces: readonly Uint8Array[]): Promise<void> {
    const stream = this.#stream
    if (stream === undefined) throw new Error('the stream was lost')
    const list = new Uint8ArrayList()
    for (const piece of pieces) list.append(piece)
    if (!stream.send(list)) await drained(stream)
  }

  close(): void {
    this.#stream?.close().catch(() => undefined)
    this.#stream = undefined
  }
}

/**
 * Resolves when a stream has handed on all that was written. (`onDrain` of libp2p resolves at once from its second use
 * on, so it cannot be used.)
 */
async function drained(stream: Stream): Promise<void> {
  const deadline = Date.now() + SEND_TIMEOUT_MS
  while (stream.writeBufferLength > 0 || stream.writableNeedsDrain) {
    if (stream.writeStatus === 'closed') throw new Error('the stream was closed')
    if (Date.now() > deadline) throw new Error('the peer takes nothing')
    await new Promise<void>(resolve => {
      const go = (): void => {
        clearTimeout(timer)
        for (const event of ['drain', 'idle', 'close'] as const) stream.removeEventListener(event, go)
        resolve()
      }
      const timer = setTimeout(go, SEND_TIMEOUT_MS)
      for (const event of ['drain', 'idle', 'close'] as const) stream.addEventListener(event, go)
    })
  }
}

/** Returns bytes that stand alone in memory: a small part must not keep a large buffer alive. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return EMPTY
  return bytes.length * 2 < bytes.buffer.byteLength ? Uint8Array.prototype.slice.call(bytes) : bytes
}
