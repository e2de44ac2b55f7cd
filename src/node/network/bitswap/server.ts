import type { CID } from 'multiformats/cid'
import type { BlockStat, Blocks } from '../../../repo/roles.ts'
import { keyOf, prefixOf, readCid } from './cid.ts'
import {
  BLOCK_BYTES_MAX,
  BLOCK_INSTEAD_OF_HAVE_BYTES_MAX,
  MESSAGE_BYTES_TARGET,
  OUTSTANDING_BYTES_MAX,
  WANTS_PER_PEER_MAX,
} from './limits.ts'
import type { Sender } from './streams.ts'
import {
  BITSWAP_100,
  BITSWAP_UNVERSIONED,
  encodeReply,
  type Message,
  type Presence,
  type WantEntry,
  type WireBlock,
} from './wire.ts'

/** Blocks that are read for others at a time, over all peers. */
const LOADED_BYTES_MAX = 32 * 1024 * 1024
/** Answers that wait for one peer: who asks for more without listening is not told. */
const TASKS_PER_PEER_MAX = 4 * WANTS_PER_PEER_MAX

interface PeerWant {
  readonly cid: CID
  readonly key: string
  readonly type: 'block' | 'have'
  readonly priority: number
  readonly sendDontHave: boolean
}

interface Task {
  readonly want: PeerWant
  readonly answer: 'block' | 'have' | 'dont-have'
  /** Bytes that the answer adds to a message. */
  readonly size: number
}

/** What was sent to a peer. */
export interface SentCount {
  blocks: number
  bytes: number
}

/** The wants of one peer, and what waits to be sent to it. */
class PeerServer {
  readonly wants = new Map<string, PeerWant>()
  readonly tasks: Task[] = []
  readonly queued = new Set<string>()
  readonly sender: Sender
  isSending = false
  isClosed = false

  constructor(sender: Sender) {
    this.sender = sender
  }

  get hasOpenWants(): boolean {
    return this.wants.size > this.queued.size
  }

  get queuedBytes(): number {
    let bytes = 0
    for (const task of this.tasks) if (task.answer === 'block') bytes += task.size
    return bytes
  }
}

export interface ServerOptions {
  readonly blocks: Pick<Blocks, 'stat' | 'get'>
  /** Returns true for what others may have; undefined: all that is here. */
  readonly mayServe?: ((cid: CID) => boolean) | undefined
  readonly onSent: (peer: string, cids: readonly CID[], bytes: number) => void
  /** Is told when somebody wants something that is not here. */
  readonly onOpenWants?: (() => void) | undefined
}

/** Answers the wants of peers: at once with what is here, and later when it comes. */
export class BitswapServer {
  readonly #options: ServerOptions
  readonly #peers = new Map<string, PeerServer>()
  #loadedBytes = 0
  #waitingForMemory: (() => void)[] = []

  constructor(options: ServerOptions) {
    this.#options = options
  }

  /** Returns what a peer wants. */
  wantlist(peer: string): CID[] {
    return [...(this.#peers.get(peer)?.wants.values() ?? [])].map(want => want.cid)
  }

  /** True while somebody wants something that was not here. */
  get hasOpenWants(): boolean {
    for (const peer of this.#peers.values()) if (peer.hasOpenWants) return true
    return false
  }

  /** Takes the wants of a message. */
  async receive(id: string, message: Message, newSender: () => Sender): Promise<void> {
    if (message.entries.length === 0 && !message.full) return
    const peer = this.#peerOf(id, newSender)
    if (message.full) {
      peer.wants.clear()
      peer.tasks.length = 0
      peer.queued.clear()
    }
    const fresh: PeerWant[] = []
    for (const entry of message.entries) {
      const want = this.#note(peer, entry)
      if (want !== undefined) fresh.push(want)
    }
    fresh.sort((a, b) => b.priority - a.priority)
    await this.#answer(peer, fresh)
    this.#tellOpenWants(peer)
    this.#send(id, peer)
  }

  /** Gets ready to answer a peer. */
  prepare(id: string, newSender: () => Sender): void {
    this.#peerOf(id, newSender).sender.prepare()
  }

  #peerOf(id: string, newSender: () => Sender): PeerServer {
    let peer = this.#peers.get(id)
    if (peer === undefined) {
      peer = new PeerServer(newSender())
      this.#peers.set(id, peer)
    }
    return peer
  }

  #note(peer: PeerServer, entry: WantEntry): PeerWant | undefined {
    const cid = readCid(entry.cid)
    if (cid === undefined) return undefined
    const key = keyOf(cid)
    if (entry.cancel) {
      peer.wants.delete(key)
      if (peer.queued.delete(key)) {
        const at = peer.tasks.findIndex(task => task.want.key === key)
        if (at >= 0) peer.tasks.splice(at, 1)
      }
      return undefined
    }
    const { type, priority, sendDontHave } = entry
    const want: PeerWant = { cid, key, type, priority, sendDontHave }
    const there = peer.wants.get(key)
    if (there === undefined && peer.wants.size >= WANTS_PER_PEER_MAX) {
      // Not remembered; but whoever asked learns at once whether it is here.
      return sendDontHave ? want : undefined
    }
    // A block that is wanted already is not made less of.
    if (there?.type === 'block' && type === 'have') return undefined
    if (peer.queued.has(key) && there?.type === type) return undefined
    peer.wants.set(key, want)
    return want
  }

  async #answer(peer: PeerServer, wants: readonly PeerWant[]): Promise<void> {
    for (const want of wants) {
      const stat = await this.#look(want.cid)
      if (peer.isClosed) return
      if (stat === undefined || stat.size > BLOCK_BYTES_MAX) {
        if (want.sendDontHave && peer.sender.supportsHave) this.#queue(peer, { want, answer: 'dont-have', size: 40 })
        continue
      }
      const isBlock = want.type === 'block' || stat.size <= BLOCK_INSTEAD_OF_HAVE_BYTES_MAX || !peer.sender.supportsHave
      this.#queue(peer, isBlock ? { want, answer: 'block', size: stat.size } : { want, answer: 'have', size: 40 })
    }
  }

  /** Returns what is known of a block that others may have; undefined when it is not here. */
  async #look(cid: CID): Promise<BlockStat | undefined> {
    if (this.#options.mayServe?.(cid) === false) return undefined
    return await this.#options.blocks.stat(cid).catch(() => undefined)
  }

  #queue(peer: PeerServer, task: Task): void {
    const { key } = task.want
    if (peer.queued.has(key)) {
      const at = peer.tasks.findIndex(other => other.want.key === key)
      if (at >= 0) peer.tasks.splice(at, 1)
    }
    if (peer.tasks.length >= TASKS_PER_PEER_MAX) return
    peer.queued.add(key)
    peer.tasks.push(task)
  }

  /** Says that blocks have come: those who want them get them. */
  async offer(cids: readonly CID[]): Promise<void> {
    for (const [id, peer] of this.#peers) {
      const wants = cids.flatMap(cid => {
        const key = keyOf(cid)
        return peer.queued.has(key) ? [] : (peer.wants.get(key) ?? [])
      })
      if (wants.length === 0) continue
      await this.#answer(peer, wants)
      this.#send(id, peer)
    }
  }

  /** Looks once more for everything that somebody wants: another process may have stored it. */
  async lookAgain(): Promise<void> {
    for (const [id, peer] of this.#peers) {
      const found: PeerWant[] = []
      for (const want of peer.wants.values()) {
        if (peer.queued.has(want.key)) continue
        const stat = await this.#look(want.cid)
        if (stat !== undefined) found.push(want)
      }
      if (found.length === 0) continue
      await this.#answer(peer, found)
      this.#send(id, peer)
    }
  }

  /** Forgets a peer that is gone. */
  disconnected(id: string): void {
    const peer = this.#peers.get(id)
    if (peer === undefined) return
    peer.isClosed = true
    peer.sender.close()
    this.#peers.delete(id)
  }

  #tellOpenWants(peer: PeerServer): void {
    if (!peer.isClosed && peer.hasOpenWants) this.#options.onOpenWants?.()
  }

  #send(id: string, peer: PeerServer): void {
    if (peer.isSending || peer.tasks.length === 0) return
    peer.isSending = true
    this.#sendAll(id, peer)
      .catch(() => {
        // The peer is lost, or took nothing for too long: it asks again when it comes back.
        peer.tasks.length = 0
        peer.queued.clear()
        this.#tellOpenWants(peer)
      })
      .finally(() => {
        peer.isSending = false
        if (!peer.isClosed && peer.tasks.length > 0) this.#send(id, peer)
      })
  }

  async #sendAll(id: string, peer: PeerServer): Promise<void> {
    await peer.sender.open()
    const ahead: Promise<Envelope>[] = []
    let aheadBytes = 0
    const release = (bytes: number): void => {
      aheadBytes -= bytes
      this.#release(bytes)
    }
    try {
      for (;;) {
        while (peer.tasks.length > 0 && (ahead.length === 0 || aheadBytes < OUTSTANDING_BYTES_MAX)) {
          const tasks = nextTasks(peer.tasks)
          const bytes = sizeOf(tasks)
          if (ahead.length > 0 && this.#loadedBytes + bytes > LOADED_BYTES_MAX) {
            peer.tasks.unshift(...tasks)
            break
          }
          await this.#reserve(bytes)
          aheadBytes += bytes
          const envelope = this.#load(peer, tasks)
          // Met when it is its turn.
          envelope.catch(() => undefined)
          ahead.push(envelope)
        }
        const next = await ahead.shift()
        if (next === undefined) return
        try {
          if (!peer.isClosed) await this.#sendOne(id, peer, next)
        } finally {
          release(next.reserved)
        }
        if (peer.isClosed) return
      }
    } finally {
      for (const envelope of ahead) release((await envelope).reserved)
    }
  }

  async #sendOne(id: string, peer: PeerServer, { tasks, blocks, presences, cids }: Envelope): Promise<void> {
    const old = peer.sender.protocol === BITSWAP_100 || peer.sender.protocol === BITSWAP_UNVERSIONED
    const sent = old ? blocks.map(({ data }) => ({ data, prefix: undefined })) : blocks
    for (const { want, answer } of tasks) {
      peer.queued.delete(want.key)
      // What was sent is not wanted any longer; who hears DONT_HAVE still wants it when it comes.
      if (answer !== 'dont-have' && peer.wants.get(want.key) === want) peer.wants.delete(want.key)
    }
    this.#tellOpenWants(peer)
    if (sent.length + presences.length === 0) return
    await peer.sender.send(encodeReply({ blocks: sent, presences, pendingBytes: peer.queuedBytes }))
    if (sent.length > 0) {
      this.#options.onSent(
        id,
        cids,
        sent.reduce((sum, { data }) => sum + data.length, 0),
      )
    }
  }

  async #load(peer: PeerServer, tasks: readonly Task[]): Promise<Envelope> {
    const blocks: WireBlock[] = []
    const presences: Presence[] = []
    const cids: CID[] = []
    for (const { want, answer } of tasks) {
      if (answer !== 'block') {
        presences.push({ cid: want.cid.bytes, has: answer === 'have' })
        continue
      }
      try {
        blocks.push({ prefix: prefixOf(want.cid), data: await this.#options.blocks.get(want.cid) })
        cids.push(want.cid)
      } catch {
        // It was removed or damaged since: then it is not here.
        if (want.sendDontHave && peer.sender.supportsHave) presences.push({ cid: want.cid.bytes, has: false })
      }
    }
    return { tasks, blocks, presences, cids, reserved: sizeOf(tasks) }
  }

  async #reserve(bytes: number): Promise<void> {
    while (this.#loadedBytes > 0 && this.#loadedBytes + bytes > LOADED_BYTES_MAX) {
      await new Promise<void>(resolve => this.#waitingForMemory.push(resolve))
    }
    this.#loadedBytes += bytes
  }

  #release(bytes: number): void {
    this.#loadedBytes -= bytes
    const waiting = this.#waitingForMemory
    this.#waitingForMemory = []
    for (const go of waiting) go()
  }
}

interface Envelope {
  readonly tasks: readonly Task[]
  readonly blocks: readonly WireBlock[]
  readonly presences: readonly Presence[]
  /** Those of the blocks. */
  readonly cids: readonly CID[]
  /** Bytes of memory that were set aside for it. */
  readonly reserved: number
}

function sizeOf(tasks: readonly Task[]): number {
  return tasks.reduce((sum, task) => sum + task.size, 0)
}

/** Takes the tasks of the next message: as many as fit, and one at least. */
function nextTasks(tasks: Task[]): Task[] {
  let bytes = 0
  let count = 0
  for (const task of tasks) {
    if (count > 0 && bytes + task.size > MESSAGE_BYTES_TARGET) break
    bytes += task.size
    count += 1
  }
  return tasks.splice(0, count)
}
