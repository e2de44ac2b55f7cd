import type { CID } from 'multiformats/cid'
import { keyOf } from './cid.ts'
import type { Asker, BitswapClient, PeerClient, Wanted } from './client.ts'

/** What one peer answered when it was asked for a block. */
export interface PeerAnswer {
  /** False: it says that it does not have the block. */
  readonly has: boolean
  /** Bytes of the block; 0 when it has none. */
  readonly bytes: number
  /** Until the first byte of the answer. */
  readonly firstByteMs: number
}

/** Asks one peer, which is connected, for one block. Rejects when the peer goes away, or the signal aborts. */
export async function askOnePeer(
  client: BitswapClient,
  peer: string,
  cid: CID,
  signal: AbortSignal | undefined,
): Promise<PeerAnswer> {
  signal?.throwIfAborted()
  const question = new Question(peer, cid)
  const onAbort = (): void => question.fail(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  client.open(question)
  client.interested(question, question)
  try {
    const connected = client.peer(peer)
    if (connected === undefined) throw new Error('the peer speaks no Bitswap')
    connected.ask(question, 'block')
    return await question.answer
  } finally {
    signal?.removeEventListener('abort', onAbort)
    client.uninterested(question, question)
    client.close(question)
  }
}

class Question implements Asker, Wanted {
  readonly cid: CID
  readonly key: string
  readonly #peer: string
  readonly #began = performance.now()
  readonly #answer = Promise.withResolvers<PeerAnswer>()
  #firstByteMs: number | undefined

  constructor(peer: string, cid: CID) {
    this.cid = cid
    this.key = keyOf(cid)
    this.#peer = peer
    // Whoever asks awaits it in a moment.
    this.#answer.promise.catch(() => undefined)
  }

  get answer(): Promise<PeerAnswer> {
    return this.#answer.promise
  }

  fail(reason: unknown): void {
    this.#answer.reject(reason)
  }

  cidOf(key: string): CID | undefined {
    return key === this.key ? this.cid : undefined
  }

  heardFrom(id: string): void {
    if (id === this.#peer) this.#firstByteMs ??= performance.now() - this.#began
  }

  presence(client: PeerClient, _key: string, has: boolean): void {
    if (client.id === this.#peer && !has) this.#finish(false, 0)
  }

  blockArrived(_key: string, bytes: Uint8Array, from: string | undefined): void {
    if (from === this.#peer) this.#finish(true, bytes.length)
    else this.fail(new Error('the block came from elsewhere'))
  }

  peerGone(id: string): void {
    if (id === this.#peer) this.fail(new Error('the peer went away'))
  }

  peerConnected(): void {
    // It is asked of one peer only.
  }

  schedule(): void {
    // There is nothing more to ask.
  }

  #finish(has: boolean, bytes: number): void {
    this.#answer.resolve({ has, bytes, firstByteMs: this.#firstByteMs ?? performance.now() - this.#began })
  }
}
