/** What a program that embeds a node sees. This file imports nothing: it is published as it is, as declarations. */

/** A CID or path as text (`bafy…`, `bafy…/a.txt`, `/ipns/…`), or an object that spells one, like a `CID`. */
export type PathLike = string | { toString(): string }

/** The content of a file: text, bytes, or pieces of either as they come (a stream can be given as it is). */
export type Content = string | Uint8Array | Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>

/** Options of everything that may wait. */
export interface Waiting {
  /** Cuts the work short. */
  readonly signal?: AbortSignal | undefined
}

/** How a node is opened. */
export interface OpenNodeOptions extends Waiting {
  /**
   * The folder of a repo, which is made when it is not there. `:temp:` is a fresh one that is removed when the node is
   * closed; `:memory:`, the default, writes nothing to disk.
   */
  readonly repo?: string
  /** False: a repo that is not there is a `no-repo` Failure. */
  readonly create?: boolean
  /** Profiles for a repo that is made, as for `tsipfs init --profile`: `['test']`, `['server', 'lowpower']`. */
  readonly profiles?: readonly string[]
  /** Config values for this node alone, by dotted key: `{ 'Addresses.Swarm': ['/ip4/0.0.0.0/tcp/0'] }`. */
  readonly config?: Readonly<Record<string, unknown>>
  /** True: nothing is ever asked of the network. */
  readonly offline?: boolean
  /** Multiaddrs of peers (ending in `/p2p/…`) to ask for blocks that are not here. */
  readonly peers?: readonly string[]
  /** URLs of trustless gateways to ask for blocks that are not here. */
  readonly gateways?: readonly string[]
  /** Time until somebody has a missing block, in milliseconds; 60,000 unless given. */
  readonly lookupTimeoutMs?: number
  /** Time without a byte from the network, in milliseconds; 60,000 unless given. */
  readonly stallTimeoutMs?: number
}

/** How content is added. What is not given is as the `Import` section of the config says. */
export interface AddOptions extends Waiting {
  /** False: garbage collection may take it. */
  readonly pin?: boolean
  readonly pinName?: string
  readonly cidVersion?: 0 | 1
  readonly rawLeaves?: boolean
  /** `size-262144`, `rabin-…`, `buzhash`. */
  readonly chunker?: string
  /** The hash function: `sha2-256`, `blake3`. */
  readonly hash?: string
}

/** Which bytes of a file are read. */
export interface CatOptions extends Waiting {
  readonly offset?: number
  readonly length?: number
}

export interface PinOptions extends Waiting {
  readonly name?: string
  /** False: the block alone, without what lies below it. */
  readonly recursive?: boolean
  /** When the pin stops to count. */
  readonly expires?: Date
  readonly labels?: Readonly<Record<string, string>>
}

/** A pin that is stored. */
export interface Pin {
  readonly cid: string
  readonly mode: 'recursive' | 'direct'
  /** Empty when it has none. */
  readonly name: string
  readonly expires: Date | undefined
  readonly labels: Readonly<Record<string, string>>
}

/** An entry of a folder. */
export interface Entry {
  readonly name: string
  readonly cid: string
  readonly kind: 'file' | 'directory' | 'symlink' | 'unknown'
  /** Bytes of a file; 0 of all else. */
  readonly size: number
}

/** What `fetch` has brought, or found here. */
export interface Fetched {
  readonly cid: string
  readonly blocks: number
  readonly bytes: number
}

/** A message of a topic. */
export interface Message {
  readonly topic: string
  /** The peer that signed it. */
  readonly from: string
  readonly data: Uint8Array
}

export interface PublishOptions extends Waiting {
  /** Waits until at least so many peers are subscribed; 0 unless given. */
  readonly peersMin?: number
}

/**
 * A node in this process. CIDs come as text. Every failure that can be expected is a `Failure` with a `kind`. The network
 * starts by itself when something needs it: a missing block, a peer, a topic.
 */
export interface TsipfsNode extends AsyncDisposable {
  /** The folder of its repo; `:memory:` when it has none. */
  readonly repo: string
  /** Adds one file and returns its CID, once it is stored and pinned. */
  add(content: Content, options?: AddOptions): Promise<string>
  /** Adds a folder of files, by their slash-separated paths in it, and returns its CID. */
  addFolder(files: Readonly<Record<string, Content>>, options?: AddOptions): Promise<string>
  /** Adds a file or folder of this machine, as `tsipfs add -r` does, and returns its CID. */
  addPath(path: string, options?: AddOptions): Promise<string>
  /** Yields the bytes of a file, each block checked against its CID. */
  cat(path: PathLike, options?: CatOptions): AsyncIterable<Uint8Array>
  /** Returns the bytes of a file, all at once. */
  read(path: PathLike, options?: CatOptions): Promise<Uint8Array>
  /** Yields the entries of a folder. */
  ls(path: PathLike, options?: Waiting): AsyncIterable<Entry>
  /** Returns true when the block itself is here. Never asks the network. */
  has(cid: PathLike): Promise<boolean>
  /** Brings a file or folder, whole, into the repo. It is not pinned: garbage collection may take it. */
  fetch(path: PathLike, options?: Waiting): Promise<Fetched>
  /** Keeps something, and all below it, from garbage collection; fetches it first. Returns its CID. */
  pin(path: PathLike, options?: PinOptions): Promise<string>
  /** Takes a pin away. Throws `not-found` when there is none. */
  unpin(path: PathLike, options?: Waiting): Promise<void>
  /** Yields the pins that are stored. */
  pins(): AsyncIterable<Pin>
  /** The peer id of this node. */
  peerId(): Promise<string>
  /** Where other peers reach this node: multiaddrs that end in `/p2p/…`. */
  addresses(): Promise<string[]>
  /** Connects to a peer, by a multiaddr that ends in `/p2p/…`; returns its peer id. */
  connect(address: PathLike, options?: Waiting): Promise<string>
  /** The peers that are connected. */
  peers(): Promise<string[]>
  /** Publishes a message; returns to how many peers it was sent. */
  publish(topic: string, data: string | Uint8Array, options?: PublishOptions): Promise<number>
  /** Subscribes, and resolves when that is done; then yields messages until the loop is left or the signal aborts. */
  subscribe(topic: string, options?: Waiting): Promise<AsyncIterable<Message>>
}
