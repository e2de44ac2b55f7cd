import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import type { SourceEntry } from '../contract/source.ts'
import type { Network } from '../node/network/network.ts'
import type { Node } from '../node/node.ts'
import type {
  AddOptions,
  CatOptions,
  Content,
  Entry,
  Fetched,
  Message,
  PathLike,
  Pin,
  PinOptions,
  PublishOptions,
  TsipfsNode,
  Waiting,
} from './api.ts'

/** What an embedded node works with. It owns `stack`. */
export interface EmbeddedParts {
  /** Returns the node as one call sees it; the call closes it. */
  readonly lend: () => Node
  readonly stack: AsyncDisposableStack
  /** Aborts when the node is closed. */
  readonly closing: AbortSignal
}

/** A node in another program, over the roles that commands use. */
export class EmbeddedNode implements TsipfsNode {
  readonly repo: string
  readonly #node: Node
  readonly #lend: () => Node
  readonly #stack: AsyncDisposableStack
  readonly #closing: AbortSignal

  constructor(node: Node, { lend, stack, closing }: EmbeddedParts) {
    this.repo = node.repo.path
    this.#node = node
    this.#lend = lend
    this.#stack = stack
    this.#closing = closing
  }

  async add(content: Content, options: AddOptions = {}): Promise<string> {
    const { fileEntry } = await import('./sources.ts')
    return await this.#add([fileEntry('', content)], options, false)
  }

  async addFolder(files: Readonly<Record<string, Content>>, options: AddOptions = {}): Promise<string> {
    const { folderEntries } = await import('./sources.ts')
    return await this.#add(folderEntries(files), options, true)
  }

  async addPath(path: string, options: AddOptions = {}): Promise<string> {
    const { pathEntries } = await import('./sources.ts')
    return await this.#add(pathEntries(path, this.#signal(options)), options, false)
  }

  async *cat(path: PathLike, options: CatOptions = {}): AsyncIterable<Uint8Array> {
    const { offset = 0, length } = options
    if (offset < 0 || (length ?? 0) < 0) throw new Failure('usage', 'offset and length cannot be negative')
    if (length === 0) return
    const { openParts, readParts } = await import('../node/file-parts.ts')
    const signal = this.#signal(options)
    await using node = this.#lend()
    const parts = await openParts(node, [String(path)], { offset, length }, { signal })
    yield* readParts(node.blocks, parts, { signal })
  }

  async read(path: PathLike, options: CatOptions = {}): Promise<Uint8Array> {
    const pieces: Uint8Array[] = []
    for await (const piece of this.cat(path, options)) pieces.push(piece)
    const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const piece of pieces) {
      whole.set(piece, at)
      at += piece.length
    }
    return whole
  }

  async *ls(path: PathLike, options: Waiting = {}): AsyncIterable<Entry> {
    const { listEntries } = await import('../node/directory-list.ts')
    const signal = this.#signal(options)
    await using node = this.#lend()
    const cid = await resolve(node, path, signal)
    for await (const entry of listEntries(node.blocks, cid, { looksInto: true, signal })) {
      const { name, kind, size } = entry
      yield { name, cid: entry.cid.toString(), kind, size: kind === 'file' ? size : 0 }
    }
  }

  async has(cid: PathLike): Promise<boolean> {
    const { parseCid } = await import('../node/cid.ts')
    return await this.#node.repo.blocks.has(parseCid(String(cid)))
  }

  async fetch(path: PathLike, options: Waiting = {}): Promise<Fetched> {
    const { fetchDag } = await import('../node/pinner.ts')
    const signal = this.#signal(options)
    await using node = this.#lend()
    const cid = await resolve(node, path, signal)
    const done = { blocks: 0, bytes: 0 }
    await fetchDag(node, [cid], {
      signal,
      visited(size) {
        done.blocks += 1
        done.bytes += size
      },
    })
    return { cid: cid.toString(), ...done }
  }

  async pin(path: PathLike, options: PinOptions = {}): Promise<string> {
    const [{ addPin }, { announceRoots }] = await Promise.all([
      import('../node/pinner.ts'),
      import('../node/provide-queue.ts'),
    ])
    const { name, recursive = true, expires, labels } = options
    const signal = this.#signal(options)
    await using node = this.#lend()
    const cid = await resolve(node, path, signal)
    await addPin(node, cid, { recursive, name, expires: expires?.getTime(), labels, signal })
    const wish = { fastProvideRoot: undefined, fastProvideDag: undefined, fastProvideWait: undefined }
    await announceRoots(node, [cid], { ...wish, pinned: true, isFatal: false }, { signal })
    return cid.toString()
  }

  async unpin(path: PathLike, options: Waiting = {}): Promise<void> {
    const { removePin } = await import('../node/pinner.ts')
    await using node = this.#lend()
    await removePin(node.repo.pins, await resolve(node, path, this.#signal(options)), true)
  }

  async *pins(): AsyncIterable<Pin> {
    for await (const { cid, mode, name, expires, labels = {} } of this.#node.repo.pins.list()) {
      yield {
        ...{ cid: cid.toString(), mode, name, labels },
        expires: expires === undefined ? undefined : new Date(expires),
      }
    }
  }

  async peerId(): Promise<string> {
    return (await this.#network()).peerId
  }

  async addresses(): Promise<string[]> {
    const { swarm, peerId } = await this.#network()
    return swarm.addresses().map(address => `${address}/p2p/${peerId}`)
  }

  async connect(address: PathLike, options: Waiting = {}): Promise<string> {
    const { swarm } = await this.#network()
    return await swarm.connect(String(address), { signal: this.#signal(options) })
  }

  async peers(): Promise<string[]> {
    const { swarm } = await this.#network()
    return [...new Set(swarm.connections().map(({ peer }) => peer))]
  }

  async publish(topic: string, data: string | Uint8Array, options: PublishOptions = {}): Promise<number> {
    const network = await this.#network()
    const [name, signal] = [encode(topic), this.#signal(options)]
    const { peersMin = 0 } = options
    if (peersMin > 0) {
      const { awaitSubscribers } = await import('../node/network/await-peers.ts')
      await awaitSubscribers(network, name, peersMin, this.#node.globals, signal)
    }
    const { recipients } = await network.pubsub.publish(name, encode(data), { signal })
    return recipients
  }

  async subscribe(topic: string, options: Waiting = {}): Promise<AsyncIterable<Message>> {
    const { pubsub } = await this.#network()
    const { subscribeTo } = await import('./subscription.ts')
    return await subscribeTo(pubsub, topic, this.#signal(options))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }

  /** Adds what comes, and returns the last root. */
  async #add(
    source: AsyncIterable<SourceEntry> | Iterable<SourceEntry>,
    options: AddOptions,
    wraps: boolean,
  ): Promise<string> {
    const [{ addAll }, { addOptions }] = await Promise.all([import('../node/importer/add.ts'), import('./sources.ts')])
    let root: CID | undefined
    const events = addAll(this.#node, each(source), {
      ...(await addOptions(options)),
      wrapWithDirectory: wraps,
      signal: this.#signal(options),
      checkRoots: roots => {
        root = roots.at(-1)?.cid
      },
    })
    for await (const _ of events);
    if (root === undefined) throw new Failure('failed', 'nothing was added')
    return root.toString()
  }

  #network(): Promise<Network> {
    this.#closing.throwIfAborted()
    return this.#node.network()
  }

  #signal({ signal }: Waiting): AbortSignal {
    return signal === undefined ? this.#closing : AbortSignal.any([signal, this.#closing])
  }
}

async function resolve(node: Node, path: PathLike, signal: AbortSignal): Promise<CID> {
  const { resolvePath } = await import('../node/path.ts')
  const { cid } = await resolvePath(node, String(path), { signal })
  return cid
}

function encode(data: string | Uint8Array): Uint8Array {
  return typeof data === 'string' ? new TextEncoder().encode(data) : data
}

async function* each<T>(items: AsyncIterable<T> | Iterable<T>): AsyncIterable<T> {
  yield* items
}
