import type { CID } from 'multiformats/cid'
import type { Block, Blocks, Waiting } from '../repo/roles.ts'

/** So many blocks are asked for ahead of the one that is waited for. */
const BLOCKS_AHEAD_MAX = 512
/** So many bytes may have come, or be expected, ahead of their turn, unless the caller allows less. */
const BYTES_AHEAD_MAX = 24 * 1024 * 1024
/** What a block is taken to have before any has come. */
const BLOCK_BYTES_EXPECTED = 256 * 1024

export interface FetchAheadOptions extends Waiting {
  readonly local: Pick<Blocks, 'stat' | 'get'>
  readonly fetch: (cid: CID, options: Waiting) => Promise<Uint8Array>
  readonly bytesAheadMax?: number | undefined
}

interface Ahead {
  readonly cid: CID
  bytes: Uint8Array | undefined
  error: unknown
  isSettled: boolean
}

/**
 * Yields the blocks of `first`, then of `rest`, in their order. Those that follow are read here, or fetched, meanwhile:
 * a bounded number of blocks and bytes. Leaving early takes back what was asked for. It does not close `rest`.
 */
export async function* fetchAhead(
  first: readonly CID[],
  rest: Iterator<CID> | AsyncIterator<CID> | undefined,
  options: FetchAheadOptions,
): AsyncIterable<Block> {
  const window = new Window(first, rest, options)
  try {
    for (let block = await window.next(); block !== undefined; block = await window.next()) yield block
  } finally {
    window.stop()
  }
}

class Window {
  readonly #options: FetchAheadOptions
  readonly #first: readonly CID[]
  #firstAt = 0
  #rest: Iterator<CID> | AsyncIterator<CID> | undefined
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  readonly #ahead: Ahead[] = []
  #heldBytes = 0
  #pending = 0
  #expected = BLOCK_BYTES_EXPECTED
  /** The source is being asked for the next CID. */
  #pulling = false
  #failure: { readonly error: unknown } | undefined
  #wake: (() => void) | undefined

  constructor(first: readonly CID[], rest: Iterator<CID> | AsyncIterator<CID> | undefined, options: FetchAheadOptions) {
    this.#options = options
    this.#first = first
    this.#rest = rest
    const { signal } = options
    this.#signal = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal])
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Returns the next block; undefined after the last. */
  async next(): Promise<Block | undefined> {
    for (;;) {
      this.#options.signal?.throwIfAborted()
      this.#fill()
      const head = this.#ahead[0]
      if (head?.isSettled === true) {
        this.#ahead.shift()
        if (head.bytes === undefined) throw head.error
        this.#heldBytes -= head.bytes.length
        return { cid: head.cid, bytes: head.bytes }
      }
      if (head === undefined && !this.#pulling) {
        if (this.#failure !== undefined) throw this.#failure.error
        return undefined
      }
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  #fill(): void {
    while (!this.#pulling && this.#hasRoom()) {
      const known = this.#first[this.#firstAt]
      if (known !== undefined) {
        this.#firstAt += 1
        this.#begin(known)
        continue
      }
      if (this.#rest === undefined) return
      this.#pull(this.#rest)
    }
  }

  #hasRoom(): boolean {
    if (this.#ahead.length === 0) return true
    const expected = this.#heldBytes + this.#pending * this.#expected
    return this.#ahead.length < BLOCKS_AHEAD_MAX && expected < (this.#options.bytesAheadMax ?? BYTES_AHEAD_MAX)
  }

  #pull(source: Iterator<CID> | AsyncIterator<CID>): void {
    const next = source.next()
    if (!(next instanceof Promise)) {
      this.#pulled(next)
      return
    }
    this.#pulling = true
    next
      .then(
        result => {
          this.#pulling = false
          this.#pulled(result)
        },
        error => {
          this.#pulling = false
          this.#rest = undefined
          this.#failure = { error }
        },
      )
      .finally(() => this.#go())
  }

  #pulled(result: IteratorResult<CID>): void {
    if (result.done === true) this.#rest = undefined
    else this.#begin(result.value)
  }

  #begin(cid: CID): void {
    const entry: Ahead = { cid, bytes: undefined, error: undefined, isSettled: false }
    this.#ahead.push(entry)
    this.#pending += 1
    this.#read(cid).then(
      bytes => {
        entry.bytes = bytes
        this.#heldBytes += bytes.length
        this.#expected += (bytes.length - this.#expected) / 8
        this.#settled(entry)
      },
      error => {
        entry.error = error
        this.#settled(entry)
      },
    )
  }

  async #read(cid: CID): Promise<Uint8Array> {
    const { local, fetch } = this.#options
    const waiting = { signal: this.#signal }
    const isHere = (await local.stat(cid, waiting)) !== undefined
    return isHere ? await local.get(cid, waiting) : await fetch(cid, waiting)
  }

  #settled(entry: Ahead): void {
    entry.isSettled = true
    this.#pending -= 1
    if (entry === this.#ahead[0]) this.#go()
  }

  readonly #onAbort = (): void => this.#go()

  #go(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  /** Takes back what was asked for. */
  stop(): void {
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#stop.abort(new DOMException('nobody waits for the block any longer', 'AbortError'))
  }
}
