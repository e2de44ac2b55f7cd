import { closeSync, openSync, read, readSync } from 'node:fs'
import { errorCode, systemFailure } from '../contract/failure.ts'
import { type Layout, packFile } from './layout.ts'
import { READ_MEMORY_BYTES } from './read-memory.ts'

/** At most so many packs are open for reading. */
const OPEN_PACKS_MAX = 128
/** Up to this size reading at once costs less than a turn of the thread pool. */
const SYNC_BYTES_MAX = 64 * 1024
/** Neighbours are read together over gaps up to so many bytes. */
const SPAN_GAP_BYTES_MAX = 4096

/** Where the bytes of a block lie. */
export interface Place {
  readonly pack: number
  readonly offset: number
  readonly length: number
}

interface OpenPack {
  readonly fd: number
  users: number
  evicted: boolean
}

interface Span<T> {
  readonly place: Place
  readonly items: readonly T[]
}

/**
 * Returns the place that holds two places, the second of which lies in the first, or behind it and near enough to be read
 * with it; undefined when it does not.
 */
export function joined(before: Place, next: Place): Place | undefined {
  const end = before.offset + before.length
  if (next.pack !== before.pack || next.offset < before.offset || next.offset - end > SPAN_GAP_BYTES_MAX)
    return undefined
  const length = Math.max(end, next.offset + next.length) - before.offset
  return length > READ_MEMORY_BYTES ? undefined : { pack: before.pack, offset: before.offset, length }
}

/** Returns what lies together, in the order of packs and offsets. */
function spansOf<T extends { readonly place: Place }>(items: readonly T[]): Span<T>[] {
  const sorted = items.toSorted((a, b) => a.place.pack - b.place.pack || a.place.offset - b.place.offset)
  const spans: { place: Place; readonly items: T[] }[] = []
  for (const item of sorted) {
    const last = spans.at(-1)
    const place = last === undefined ? undefined : joined(last.place, item.place)
    if (last === undefined || place === undefined) spans.push({ place: item.place, items: [item] })
    else {
      last.items.push(item)
      last.place = place
    }
  }
  return spans
}

/** Reads from packs, of which it keeps a bounded number open. */
export class PackReader implements Disposable {
  readonly #layout: Layout
  readonly #open = new Map<number, OpenPack>()
  /** Memory for `readMany`, while none is under way. */
  #spare: readonly Uint8Array[] | undefined

  constructor(layout: Layout) {
    this.#layout = layout
  }

  /** Returns the bytes at a place; fewer when the pack ends before, undefined when there is no such pack. */
  read(place: Place): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    return place.length <= SYNC_BYTES_MAX ? this.readHere(place) : this.readInPool(place)
  }

  /** Like `read`, on this thread. */
  readHere(place: Place): Uint8Array | undefined {
    const pack = this.#use(place.pack)
    if (pack === undefined) return undefined
    const bytes = new Uint8Array(place.length)
    try {
      let done = 0
      while (done < bytes.length) {
        const count = readSync(pack.fd, bytes, done, bytes.length - done, place.offset + done)
        if (count === 0) break
        done += count
      }
      return done === bytes.length ? bytes : bytes.subarray(0, done)
    } catch (error) {
      throw systemFailure(error, packFile(this.#layout, place.pack))
    } finally {
      this.#release(pack)
    }
  }

  /** Like `read`, in the thread pool. */
  async readInPool(place: Place, target?: Uint8Array): Promise<Uint8Array | undefined> {
    const pack = this.#use(place.pack)
    if (pack === undefined) return undefined
    // Not zeroed first, since the read fills it; what it does not fill is cut off.
    const bytes = target ?? new Uint8Array(Buffer.allocUnsafeSlow(place.length).buffer)
    try {
      let done = 0
      while (done < bytes.length) {
        const count = await readAt(pack.fd, bytes, done, place.offset + done)
        if (count === 0) break
        done += count
      }
      return done === bytes.length ? bytes : bytes.subarray(0, done)
    } catch (error) {
      throw systemFailure(error, packFile(this.#layout, place.pack))
    } finally {
      this.#release(pack)
    }
  }

  /**
   * Reads many places, neighbours together, and calls `took` with each item's bytes (fewer when the pack is cut;
   * undefined when it is gone), in the order of packs and offsets. The bytes are views of larger buffers: copy to keep; with
   * `isBrief` they are overwritten once `took` is done.
   */
  async readMany<T extends { readonly place: Place }>(
    items: readonly T[],
    took: (item: T, bytes: Uint8Array | undefined) => void | Promise<void>,
    isBrief = false,
  ): Promise<void> {
    const spans = spansOf(items)
    const memories = isBrief ? this.#takeSpare() : []
    let next = this.#begin(spans[0], memories[0])
    for (const [nth, { place, items: inside }] of spans.entries()) {
      const bytes = await next
      // One span is read while what lies in the one before is looked at.
      next = this.#begin(spans[nth + 1], memories[(nth + 1) % 2])
      for (const item of inside) {
        const at = item.place.offset - place.offset
        const looked = took(item, bytes?.subarray(at, at + item.place.length))
        if (looked !== undefined) await looked
      }
    }
    if (isBrief) this.#spare = memories
  }

  #takeSpare(): readonly Uint8Array[] {
    const spare = this.#spare ?? [Buffer.allocUnsafeSlow(READ_MEMORY_BYTES), Buffer.allocUnsafeSlow(READ_MEMORY_BYTES)]
    this.#spare = undefined
    return spare
  }

  #begin(span: Span<unknown> | undefined, memory?: Uint8Array): Promise<Uint8Array | undefined> {
    if (span === undefined) return Promise.resolve(undefined)
    const { length } = span.place
    const reading = this.readInto(span.place, length <= (memory?.length ?? 0) ? memory?.subarray(0, length) : undefined)
    // Whoever takes it in its turn meets the failure.
    reading.catch(() => undefined)
    return reading
  }

  /** Like `read`, into `target`, which is as long as the place, unless this is small. */
  async readInto(place: Place, target: Uint8Array | undefined): Promise<Uint8Array | undefined> {
    return place.length <= SYNC_BYTES_MAX ? this.readHere(place) : await this.readInPool(place, target)
  }

  /** Forgets a pack that was removed. */
  forget(id: number): void {
    const pack = this.#open.get(id)
    if (pack !== undefined) this.#evict(id, pack)
  }

  #use(id: number): OpenPack | undefined {
    let pack = this.#open.get(id)
    if (pack === undefined) {
      const file = packFile(this.#layout, id)
      try {
        pack = { fd: openSync(file, 'r'), users: 0, evicted: false }
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return undefined
        throw systemFailure(error, file)
      }
      for (const [oldest, idle] of this.#open) {
        if (this.#open.size < OPEN_PACKS_MAX) break
        this.#evict(oldest, idle)
      }
      this.#open.set(id, pack)
    } else if (this.#open.size >= OPEN_PACKS_MAX / 2) {
      // The one used longest ago stands first.
      this.#open.delete(id)
      this.#open.set(id, pack)
    }
    pack.users++
    return pack
  }

  #release(pack: OpenPack): void {
    pack.users--
    if (pack.evicted && pack.users === 0) closeSync(pack.fd)
  }

  #evict(id: number, pack: OpenPack): void {
    this.#open.delete(id)
    pack.evicted = true
    if (pack.users === 0) closeSync(pack.fd)
  }

  [Symbol.dispose](): void {
    for (const [id, pack] of this.#open) this.#evict(id, pack)
  }
}

function readAt(fd: number, bytes: Uint8Array, done: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, bytes, done, bytes.length - done, position, (error, count) => {
      if (error === null) resolve(count)
      else reject(error)
    })
  })
}
