import type { PubsubPace } from './pubsub-pace.ts'

/** What may wait to be passed on to one peer; what comes then is not passed on to it. */
export const FORWARD_BYTES_MAX = 4 * 1024 * 1024
export const FORWARD_MESSAGES_MAX = 4_096

interface Waiting {
  readonly frame: Uint8Array
  readonly id: Uint8Array
}

interface Line {
  readonly items: Waiting[]
  bytes: number
}

/**
 * What is passed on to peers that take messages no faster than they check them: each waits until the last one was taken
 * (pubsub-pace.ts). Frames are shared between peers.
 */
export class PubsubForwards {
  readonly #pace: PubsubPace
  readonly #send: (peer: string, frame: Uint8Array) => boolean
  readonly #lines = new Map<string, Line>()
  #dropped = 0

  constructor(pace: PubsubPace, send: (peer: string, frame: Uint8Array) => boolean) {
    this.#pace = pace
    this.#send = send
  }

  /** Messages that found no room. */
  get dropped(): number {
    return this.#dropped
  }

  /** Passes a message on, now or behind those that wait. */
  add(peer: string, frame: Uint8Array, id: Uint8Array): void {
    const line = this.#lines.get(peer)
    if (line === undefined && this.#pace.isReady(peer)) this.#pass(peer, { frame, id })
    else if (line === undefined) {
      this.#lines.set(peer, { items: [{ frame, id }], bytes: frame.length })
      void this.#work(peer)
    } else if (line.items.length >= FORWARD_MESSAGES_MAX || line.bytes + frame.length > FORWARD_BYTES_MAX) {
      this.#dropped += 1
    } else {
      line.items.push({ frame, id })
      line.bytes += frame.length
    }
  }

  /** Forgets what waits for a peer that is gone. */
  forget(peer: string): void {
    this.#lines.delete(peer)
  }

  async #work(peer: string): Promise<void> {
    const line = this.#lines.get(peer)
    for (let at = 0; line !== undefined && at < line.items.length; at += 1) {
      await this.#pace.ready(peer, undefined)
      // The peer is gone; it may be back already, with a line of its own.
      if (this.#lines.get(peer) !== line) return
      const item = line.items[at]
      if (item === undefined) break
      this.#pass(peer, item)
      line.bytes -= item.frame.length
      if (at === 255) {
        line.items.splice(0, at + 1)
        at = -1
      }
    }
    this.#lines.delete(peer)
  }

  #pass(peer: string, { frame, id }: Waiting): void {
    if (this.#send(peer, frame)) this.#pace.sent(peer, id, frame.length)
  }
}
