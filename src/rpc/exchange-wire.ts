/**
 * What a command and the daemon beside it say to each other on the repo's own socket, after an HTTP upgrade: frames, each
 * with its length (32 bits, big-endian, without itself) and a byte for its kind in front.
 */

/** The path that is asked for, and the protocol that is upgraded to. */
export const EXCHANGE_PATH = '/exchange'
export const EXCHANGE_PROTOCOL = 'tsipfs-exchange/1'

/** A frame that is longer is not read: a block of 4 MiB and its CID fit. */
export const FRAME_BYTES_MAX = 4 * 1024 * 1024 + 1024
/** A CID that is longer is refused. */
export const CID_BYTES_MAX = 255

export const FRAME = {
  /** To the daemon, first: the terms of the fetch, as JSON. */
  open: 1,
  /** To the daemon: a CID that is wanted. */
  want: 2,
  /** To the daemon: a CID that is wanted no longer. */
  cancel: 3,
  /** To the daemon: answer when all that was sent is durable. */
  flush: 4,
  /** From the daemon: a CID, its length in front, and the bytes. */
  block: 5,
  /** From the daemon: a CID, its length in front, and why there is no block, as JSON. */
  failure: 6,
  /** From the daemon: what was asked by the oldest open `flush` is done; else why it failed, as JSON. */
  flushed: 7,
  /** From the daemon, now and then: how far the fetch is, as JSON. */
  state: 8,
} as const

const HEAD_BYTES = 5

/** What a command asks of the daemon's network. */
export interface ExchangeTerms {
  readonly lookupTimeoutMs: number
  readonly stallTimeoutMs: number
  /** Multiaddrs of peers to dial. */
  readonly peers: readonly string[]
  /** URLs of gateways to ask too. */
  readonly gateways: readonly string[]
  /** Somebody watches: `state` is to be sent. */
  readonly watches: boolean
}

/** Returns a frame, as pieces: the bytes of blocks are not copied. */
export function encodeFrame(kind: number, ...parts: readonly Uint8Array[]): Uint8Array[] {
  const length = parts.reduce((sum, part) => sum + part.length, 1)
  if (length > FRAME_BYTES_MAX) throw new Error(`a frame of ${length} bytes`)
  const head = Buffer.allocUnsafe(HEAD_BYTES)
  head.writeUInt32BE(length)
  head[4] = kind
  return [head, ...parts]
}

/** Returns the frame of one CID and what belongs to it. */
export function encodeWithCid(kind: number, cid: Uint8Array, rest: Uint8Array): Uint8Array[] {
  if (cid.length > CID_BYTES_MAX) throw new Error(`a CID of ${cid.length} bytes`)
  const head = Buffer.allocUnsafe(HEAD_BYTES + 1 + cid.length)
  head.writeUInt32BE(2 + cid.length + rest.length)
  head[4] = kind
  head[5] = cid.length
  head.set(cid, HEAD_BYTES + 1)
  return [head, rest]
}

/** Returns the CID in front of a frame's body, and what follows. Throws when it is cut short. */
export function splitCid(body: Uint8Array): { cid: Uint8Array; rest: Uint8Array } {
  const length = body[0] ?? 0
  if (body.length < 1 + length || length === 0) throw new Error('a frame is cut short')
  return { cid: body.subarray(1, 1 + length), rest: body.subarray(1 + length) }
}

/** Returns the frame of a value as JSON. */
export function encodeJson(kind: number, value: unknown): Uint8Array[] {
  return encodeFrame(kind, Buffer.from(JSON.stringify(value)))
}

/** A frame that was read. The body is a view. */
export interface Frame {
  readonly kind: number
  readonly body: Uint8Array
}

/** Takes frames out of the chunks of a connection. A frame that spans chunks is copied once. */
export class FrameReader {
  readonly #head = Buffer.alloc(HEAD_BYTES)
  #headFilled = 0
  #body: Buffer | undefined
  #bodyFilled = 0;

  /** Yields the frames that a chunk completes. Throws when one is too long. */
  *read(chunk: Uint8Array): Iterable<Frame> {
    let at = 0
    while (at < chunk.length) {
      if (this.#body === undefined) {
        const some = Math.min(HEAD_BYTES - this.#headFilled, chunk.length - at)
        this.#head.set(chunk.subarray(at, at + some), this.#headFilled)
        this.#headFilled += some
        at += some
        if (this.#headFilled < HEAD_BYTES) return
        const length = this.#head.readUInt32BE() - 1
        if (length < 0 || length >= FRAME_BYTES_MAX) throw new Error(`a frame of ${length} bytes`)
        this.#body = Buffer.allocUnsafeSlow(length)
        this.#bodyFilled = 0
      }
      const body: Buffer = this.#body
      const some = Math.min(body.length - this.#bodyFilled, chunk.length - at)
      body.set(chunk.subarray(at, at + some), this.#bodyFilled)
      this.#bodyFilled += some
      at += some
      if (this.#bodyFilled < body.length) return
      this.#body = undefined
      this.#headFilled = 0
      yield { kind: this.#head[4] ?? 0, body }
    }
  }
}
