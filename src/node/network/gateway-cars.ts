import type { CID } from 'multiformats/cid'
import { Failure, isAbort } from '../../contract/failure.ts'
import { openCar } from '../car-reader.ts'
import { linksOf } from '../codecs.ts'
import { keyOf } from './bitswap/cid.ts'

/** Answers of one gateway that are being read at a time. */
const STREAMS_MAX = 4
/** Blocks that came and nobody wants yet: no more is read before somebody does. */
const HELD_BYTES_MAX = 16 * 1024 * 1024
/** Blocks to which no block before them links; beyond this they are rubbish. */
const STRAY_BYTES_MAX = 4 * 1024 * 1024
const STRAYS_MAX = 1_000
/** Links of what came to what did not. */
const EXPECTED_MAX = 200_000
const IDENTITY = 0

export interface CarOptions {
  /** Opens the answer with what lies below a block; undefined when it is not there, or not to be had in this form. */
  readonly open: (cid: CID, signal: AbortSignal) => Promise<AsyncIterable<Uint8Array> | undefined>
  /** Throws `data-mismatch`. */
  readonly check: (cid: CID, bytes: Uint8Array) => void | Promise<void>
  /** An answer of which nothing new comes, or is wanted, for so long is given up. */
  readonly stallMs: number
  /** The gateway did not do what it should. */
  readonly onFailure: (error: unknown) => void
}

/** CARs of one gateway: a whole file comes with one request, in whatever order its blocks are sent. */
export class GatewayCars {
  readonly #options: CarOptions
  readonly #streams = new Set<CarStream>()

  constructor(options: CarOptions) {
    this.#options = options
  }

  /** Returns a block that has come, or is about to come, with what was asked for before; undefined when it is neither. */
  async expected(cid: CID, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    for (const stream of this.#streams) {
      const bytes = await stream.take(cid, signal)
      if (bytes !== undefined) return bytes
    }
    return undefined
  }

  /** Asks for a block together with all that belongs to it. Returns undefined when that did not bring it. */
  async fetch(cid: CID, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    if ([...this.#streams].filter(stream => !stream.isEnded).length >= STREAMS_MAX) return undefined
    this.#forget()
    const stream = new CarStream(cid, this.#options)
    this.#streams.add(stream)
    void stream.run()
    return await stream.take(cid, signal)
  }

  /** Lets go of answers that have been read, the oldest first: what they brought and nobody took can be had again. */
  #forget(): void {
    for (const stream of this.#streams) {
      if (stream.isEnded && (stream.isEmpty || this.#streams.size > STREAMS_MAX)) this.#streams.delete(stream)
    }
  }

  close(): void {
    for (const stream of this.#streams) stream.stop()
  }
}

interface Waiter {
  readonly resolve: (bytes: Uint8Array | undefined) => void
}

class CarStream {
  readonly #root: CID
  readonly #options: CarOptions
  readonly #stop = new AbortController()
  /** What came and was not taken, oldest first. */
  readonly #held = new Map<string, Uint8Array>()
  #heldBytes = 0
  /** What blocks that came link to, and did not come. */
  readonly #expected = new Set<string>()
  readonly #waiters = new Map<string, Set<Waiter>>()
  readonly #strays = new Map<string, number>()
  #strayBytes = 0
  #demand = Promise.withResolvers<void>()
  #stall: NodeJS.Timeout | undefined
  #isEnded = false

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** True when nothing that came waits to be taken. */
  get isEmpty(): boolean {
    return this.#held.size === 0
  }

  constructor(root: CID, options: CarOptions) {
    this.#root = root
    this.#options = options
    this.#expected.add(keyOf(root))
  }

  stop(): void {
    this.#stop.abort(new DOMException('the answer is not needed any longer', 'AbortError'))
    this.#demand.resolve()
  }

  /** Returns undefined at once for what this answer does not hold, and at its end for what it did not bring. */
  take(cid: CID, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    const key = keyOf(cid)
    const held = this.#held.get(key)
    if (held !== undefined) {
      this.#release(key, held)
      this.#demand.resolve()
      return Promise.resolve(held)
    }
    if (this.#isEnded || !this.#expected.has(key)) return Promise.resolve(undefined)
    return this.#wait(key, signal)
  }

  #wait(key: string, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    // A signal that has aborted says so no more.
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      const waiters = this.#waiters.get(key) ?? new Set()
      this.#waiters.set(key, waiters)
      const onAbort = (): void => {
        waiters.delete(waiter)
        if (waiters.size === 0) this.#waiters.delete(key)
        reject(signal?.reason)
      }
      const waiter = {
        resolve: (bytes: Uint8Array | undefined) => {
          signal?.removeEventListener('abort', onAbort)
          resolve(bytes)
        },
      }
      waiters.add(waiter)
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#demand.resolve()
    })
  }

  /** Reads the answer to its end. Never throws. */
  async run(): Promise<void> {
    const { open, stallMs, onFailure } = this.#options
    const { signal } = this.#stop
    let isStalled = false
    this.#stall = setTimeout(() => {
      isStalled = this.#waiters.size > 0
      this.stop()
    }, stallMs)
    try {
      const body = await open(this.#root, signal)
      if (body === undefined) return
      const car = await openCar(body)
      for await (const { cid, bytes } of car.blocks()) {
        signal.throwIfAborted()
        this.#stall.refresh()
        if (cid.multihash.code !== IDENTITY) await this.#received(cid, bytes)
        await this.#whenWanted(signal)
      }
    } catch (error) {
      if (isStalled) onFailure(new Failure('timeout', 'the gateway sent nothing more'))
      else if (!signal.aborted && !isAbort(error)) onFailure(error)
    } finally {
      clearTimeout(this.#stall)
      this.#end()
    }
  }

  async #received(cid: CID, bytes: Uint8Array): Promise<void> {
    await this.#options.check(cid, bytes)
    const key = keyOf(cid)
    if (this.#held.has(key)) return
    const isExpected = this.#expected.delete(key)
    const links = linksOf(cid, bytes)
    for (const link of links instanceof Promise ? await links : links) this.#expect(keyOf(link.cid))
    const waiters = this.#waiters.get(key)
    // What came before, and is sent again, is a stray as well.
    if (!isExpected) this.#countStray(key, bytes.length)
    if (waiters === undefined) {
      // The bytes are a view of what was read from the network, which would be held with them.
      const own = bytes.slice()
      this.#held.set(key, own)
      this.#heldBytes += own.length
      return
    }
    this.#waiters.delete(key)
    for (const { resolve } of waiters) resolve(bytes)
  }

  #expect(key: string): void {
    const stray = this.#strays.get(key)
    if (stray !== undefined) {
      this.#strays.delete(key)
      this.#strayBytes -= stray
    } else if (!this.#held.has(key) && this.#expected.size < EXPECTED_MAX) this.#expected.add(key)
  }

  #countStray(key: string, bytes: number): void {
    this.#strays.set(key, bytes)
    this.#strayBytes += bytes
    if (this.#strayBytes <= STRAY_BYTES_MAX && this.#strays.size <= STRAYS_MAX) return
    throw new Failure('network', 'the gateway sent blocks that were not asked for')
  }

  /** Goes on at once while somebody waits; then what nobody took gives way. */
  async #whenWanted(signal: AbortSignal): Promise<void> {
    while (this.#heldBytes > HELD_BYTES_MAX) {
      signal.throwIfAborted()
      const [oldest] = this.#held
      if (this.#waiters.size > 0 && oldest !== undefined) {
        this.#release(...oldest)
        continue
      }
      this.#demand = Promise.withResolvers()
      await this.#demand.promise
    }
  }

  #release(key: string, bytes: Uint8Array): void {
    this.#held.delete(key)
    this.#heldBytes -= bytes.length
  }

  #end(): void {
    this.#isEnded = true
    for (const waiters of this.#waiters.values()) for (const { resolve } of waiters) resolve(undefined)
    this.#waiters.clear()
    this.#expected.clear()
  }
}
