import type { Stream } from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'
import { RPC_BYTES_MAX } from './pubsub-messages.ts'

/** Bytes that are read ahead of their use; the window of the stream then closes. */
const READ_AHEAD_BYTES_MAX = 256 * 1024
/** A window may be 16 MiB wide, and all of it on its way, when reading pauses. */
const READ_BUFFER_BYTES_MAX = 17 * 1024 * 1024
const LENGTH_BYTES_MAX = 4
/** After so much work others get their turn. */
const WORK_MS_MAX = 10
/** A frame is copied when it would keep so many times its size in memory. */
const PINNED_MAX = 4
/** So many places of chunks that were taken are kept, at most. */
const CHUNKS_TAKEN_MAX = 1_024
const NOTHING = new Uint8Array(0)

export interface FrameUse {
  /** Uses a frame; the next one waits for what it returns. */
  take(frame: Uint8Array): Promise<void> | undefined
  /** The stream broke, or said what it may not. It is not called when a stream ends. */
  failed(error: Error): void
}

/**
 * Reads frames, each with its length before it, and has them used one after another: as they come and without another
 * turn of the loop, as long as their use does not wait. What a peer sends faster waits in its stream.
 */
export class FrameReader {
  readonly #stream: Stream
  readonly #use: FrameUse
  readonly #chunks: Uint8Array[] = []
  /** Those before it are taken. */
  #first = 0
  #waiting = 0
  #isBusy = false
  #isOver = false
  #failure: Error | undefined

  constructor(stream: Stream, use: FrameUse) {
    this.#stream = stream
    this.#use = use
    stream.maxReadBufferLength = READ_BUFFER_BYTES_MAX
    stream.addEventListener('message', this.#arrived)
    stream.addEventListener('close', this.#closed)
  }

  /** Says that nothing will be answered. What the peer has sent is still used. */
  async close(): Promise<void> {
    await this.#stream.close().catch((error: Error) => this.#stream.abort(error))
  }

  readonly #arrived = ({ data }: { data: Uint8Array | Uint8ArrayList }): void => {
    if (this.#isOver) return
    this.#chunks.push(data instanceof Uint8Array ? data : data.subarray())
    this.#waiting += data.byteLength
    if (!this.#isBusy) this.#work()
    const isAhead = this.#isBusy && this.#waiting > READ_AHEAD_BYTES_MAX
    if (isAhead && this.#stream.readStatus === 'readable') this.#stream.pause()
  }

  /** What came before is still used; some of it may still lie in the stream. */
  readonly #closed = ({ error }: Event & { error?: Error }): void => {
    this.#failure = error
    if (!this.#isBusy) this.#work()
  }

  #stop(): void {
    this.#isOver = true
    this.#stream.removeEventListener('message', this.#arrived)
    this.#stream.removeEventListener('close', this.#closed)
  }

  #work(): void {
    const began = performance.now()
    this.#isBusy = true
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) {
      const waits = this.#use.take(frame)
      if (waits !== undefined) return void waits.then(this.#goOn, this.#goOn)
      if (performance.now() - began > WORK_MS_MAX) return void setImmediate(this.#goOn)
    }
    this.#isBusy = false
    if (this.#failure !== undefined && !this.#isOver) this.#fail(this.#failure)
    // However much waits: it is the beginning of a frame, and the rest of it is needed.
    if (this.#stream.readStatus === 'paused') this.#stream.resume()
  }

  readonly #goOn = (): void => {
    if (this.#waiting <= READ_AHEAD_BYTES_MAX / 2 && this.#stream.readStatus === 'paused') this.#stream.resume()
    this.#work()
  }

  /** Returns the next frame, when all of it is there. */
  #next(): Uint8Array | undefined {
    if (this.#isOver) return undefined
    const head = this.#length()
    if (head === undefined || this.#waiting < head.bytes + head.length) return undefined
    const whole = this.#take(head.bytes + head.length)
    const frame = whole.subarray(head.bytes)
    return frame.buffer.byteLength > frame.length * PINNED_MAX ? frame.slice() : frame
  }

  /** Returns the length of the next frame, and of how many bytes that is. */
  #length(): { length: number; bytes: number } | undefined {
    let length = 0
    for (let at = 0; at < LENGTH_BYTES_MAX; at += 1) {
      const byte = this.#byteAt(at)
      if (byte === undefined) return undefined
      length += (byte & 127) * 128 ** at
      if (byte >= 128) continue
      if (length > RPC_BYTES_MAX) break
      return { length, bytes: at + 1 }
    }
    this.#refuse()
    return undefined
  }

  #refuse(): void {
    const error = new Error('a frame of pubsub is too large')
    this.#stream.abort(error)
    this.#fail(error)
  }

  #fail(error: Error): void {
    this.#stop()
    this.#use.failed(error)
  }

  #byteAt(at: number): number | undefined {
    let left = at
    for (let nth = this.#first; ; nth += 1) {
      const chunk = this.#chunks[nth]
      if (chunk === undefined || left < chunk.length) return chunk?.[left]
      left -= chunk.length
    }
  }

  /** Takes bytes that are there. */
  #take(length: number): Uint8Array {
    this.#waiting -= length
    const first = this.#takeSome(length)
    if (first.length === length) return first
    const whole = Buffer.allocUnsafeSlow(length)
    whole.set(first)
    for (let at = first.length; at < length; ) {
      const some = this.#takeSome(length - at)
      whole.set(some, at)
      at += some.length
    }
    return whole
  }

  /** Takes what the first chunk has of so many bytes. */
  #takeSome(length: number): Uint8Array {
    const chunk = this.#chunks[this.#first] ?? NOTHING
    if (chunk.length > length) {
      this.#chunks[this.#first] = chunk.subarray(length)
      return chunk.subarray(0, length)
    }
    // Not by `shift`, which moves all that follow.
    this.#first += 1
    if (this.#first === this.#chunks.length || this.#first === CHUNKS_TAKEN_MAX) {
      this.#chunks.splice(0, this.#first)
      this.#first = 0
    }
    return chunk
  }
}
