import { keyOf } from '../../repo/blocks.ts'

/** Who was sent nothing for so long has checked what it was sent before. */
const QUIET_MS = 1_000
/** How long a peer has to show that it took a message, and how long it is asked the first time, and at most. */
const CONFIRM_MS = 500
const ASK_MS = 1
const ASK_MS_MAX = 64
/** A peer that shows nothing so often is not asked any longer: each of its messages gets a while instead. */
const FAILURES_MAX = 2
const BLIND_MS = 10
/**
 * So much time is spent on waiting for one peer, and that part of what passes comes back: a peer that answers late each time, on
 * purpose or not, must not hold up what the others are sent.
 */
const WAITED_MS_MAX = 5_000
const WAITED_GIVEN_BACK = 0.25
/** A larger message is not asked back: it gets a while. */
const ASKED_BYTES_MAX = 64 * 1024

interface Last {
  readonly id: string
  readonly idBytes: Uint8Array
  readonly bytes: number
  readonly at: number
  isConfirmed: boolean
  /** Those who wait for it to come back. */
  readonly confirmed: Set<() => void>
}

/** Asks a peer for a message, by its id. */
export type AskBack = (peer: string, id: Uint8Array) => void

/**
 * Paces what is sent to peers that check the messages of an author side by side. Go's nodes do: a message that is
 * overtaken by the next one is dropped, because sequence numbers only grow, and so is what does not fit into a queue of
 * 32. Pubsub has no acknowledgement, but a peer sends back what it is asked for by id (IWANT), once it has taken it: the
 * next message goes out when the last one has come back.
 */
export class PubsubPace {
  readonly #ask: AskBack
  readonly #last = new Map<string, Last>()
  readonly #failures = new Map<string, number>()
  readonly #waited = new Map<string, { ms: number; at: number }>()
  readonly #waitedMsMax: number

  constructor(ask: AskBack, { waitedMsMax = WAITED_MS_MAX }: { readonly waitedMsMax?: number } = {}) {
    this.#ask = ask
    this.#waitedMsMax = waitedMsMax
  }

  /** Takes note of a message that was sent to a peer. */
  sent(peer: string, idBytes: Uint8Array, bytes: number): void {
    const id = keyOf(idBytes)
    this.#last.set(peer, { id, idBytes, bytes, at: performance.now(), isConfirmed: false, confirmed: new Set() })
  }

  /** A peer has sent back a message of ours. */
  cameBack(peer: string, idBytes: Uint8Array): void {
    const last = this.#last.get(peer)
    if (last === undefined || last.id !== keyOf(idBytes)) return
    last.isConfirmed = true
    for (const confirmed of last.confirmed) confirmed()
  }

  forget(peer: string): void {
    for (const confirmed of this.#last.get(peer)?.confirmed ?? []) confirmed()
    this.#last.delete(peer)
    this.#failures.delete(peer)
    this.#waited.delete(peer)
  }

  /** Returns whether there is nothing to wait for. */
  isReady(peer: string): boolean {
    const last = this.#last.get(peer)
    return last === undefined || last.isConfirmed || performance.now() - last.at > QUIET_MS
  }

  /** Resolves when a peer has taken the last message, or takes too long. */
  async ready(peer: string, signal: AbortSignal | undefined): Promise<void> {
    const last = this.#last.get(peer)
    if (last === undefined || this.isReady(peer)) return
    const isBlind =
      last.bytes > ASKED_BYTES_MAX || (this.#failures.get(peer) ?? 0) >= FAILURES_MAX || !this.#mayWait(peer)
    if (isBlind) return await confirmation(last, BLIND_MS, signal)
    const began = performance.now()
    try {
      await this.#askUntilBack(peer, last, signal)
    } finally {
      const waited = this.#waited.get(peer)
      if (waited !== undefined) waited.ms += performance.now() - began
    }
  }

  async #askUntilBack(peer: string, last: Last, signal: AbortSignal | undefined): Promise<void> {
    const deadline = performance.now() + CONFIRM_MS
    for (let wait = ASK_MS; performance.now() < deadline; wait = Math.min(ASK_MS_MAX, wait * 2)) {
      this.#ask(peer, last.idBytes)
      await confirmation(last, wait, signal)
      if (this.#last.get(peer) !== last) return
      if (!last.isConfirmed) continue
      this.#failures.delete(peer)
      return
    }
    this.#failures.set(peer, (this.#failures.get(peer) ?? 0) + 1)
  }

  /** Returns whether a peer has not used up its time. */
  #mayWait(peer: string): boolean {
    const now = performance.now()
    const waited = this.#waited.get(peer) ?? { ms: 0, at: now }
    waited.ms = Math.max(0, waited.ms - (now - waited.at) * WAITED_GIVEN_BACK)
    waited.at = now
    this.#waited.set(peer, waited)
    return waited.ms < this.#waitedMsMax
  }
}

/** Resolves when a message has come back, or after a while. */
async function confirmation(last: Last, waitMs: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted()
  if (last.isConfirmed) return
  await new Promise<void>(resolve => {
    const end = (): void => {
      clearTimeout(timer)
      last.confirmed.delete(end)
      resolve()
    }
    const timer = setTimeout(end, waitMs)
    last.confirmed.add(end)
  })
}
