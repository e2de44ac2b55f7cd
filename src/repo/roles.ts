import type { CID } from 'multiformats/cid'
import type { Filestore } from './filestore.ts'
import type { ReadMemory } from './read-memory.ts'

/** Options of everything that may wait. */
export interface Waiting {
  readonly signal?: AbortSignal | undefined
}

/** Options of `Blocks.getMany`. */
export interface GetManyOptions extends Waiting {
  /** The caller looks at one block after another: a store may read them into this memory, where others follow. */
  readonly memory?: ReadMemory | undefined
}

/** A block: bytes and the CID that they hash to. */
export interface Block {
  readonly cid: CID
  readonly bytes: Uint8Array
}

/** What the index knows of a block without reading it. */
export interface BlockStat {
  /** Size in bytes. */
  readonly size: number
  /** True when the block is known to hold no links (raw codec, or a dag-pb without links). */
  readonly leaf: boolean
}

/** Options of `Blocks.put`. */
export interface PutOptions extends Waiting {
  readonly leaf?: boolean | undefined
  readonly release?: (() => void) | undefined
}

/**
 * Content-addressed storage: the one door to blocks. Blocks are found by multihash: CIDs that differ in version or
 * codec only name the same block. Bytes are checked against the hash whenever they are read. Identity CIDs are
 * answered from the CID itself. Every implementation passes `blocksSuite` (`blocks.suite.ts`).
 */
export interface Blocks {
  /** Returns true when the block is here. Never asks the network. */
  has(cid: CID, options?: Waiting): Promise<boolean>

  /** Returns what the index knows of a block that is here, without reading it; undefined when it is not here. */
  stat(cid: CID, options?: Waiting): Promise<BlockStat | undefined>

  /** Like `stat` for many, in their order; costs less than to ask for each. A caller bounds how many it asks for. */
  statMany(cids: readonly CID[], options?: Waiting): Promise<(BlockStat | undefined)[]>

  /** Returns the bytes. Throws a Failure: `not-found`, or `data-mismatch` when what is stored does not hash to the CID. */
  get(cid: CID, options?: Waiting): Promise<Uint8Array>

  /** Yields the blocks of `cids` in their order, reading and hashing ahead (bounded). Throws as `get` does. */
  getMany(cids: Iterable<CID> | AsyncIterable<CID>, options?: GetManyOptions): AsyncIterable<Block>

  /**
   * Takes a block whose bytes hash to `cid` (the caller has hashed them; bytes from outside go through
   * `checkBlock` first). It can be read at once in this process; others see it, and it is durable, after `flush`.
   * The bytes must not be changed afterwards. `leaf` says that it holds no links; raw blocks are known to hold none.
   * A block that is here already is compared with the bytes on disk, healed when they differ, and protected from
   * garbage collection for as long as this run lives. `release` is called when the store has no use for the bytes any
   * more: from then on the caller may change them. When a put fails it may never be called.
   */
  put(cid: CID, bytes: Uint8Array, options?: PutOptions): Promise<void>

  /** Resolves when all that was put is durable: nothing that names a block may be printed or stored before. */
  flush(options?: Waiting): Promise<void>

  /** Keeps blocks that are here from garbage collection for as long as this run lives. Yields nothing of those missing: returns them. */
  protect(cids: Iterable<CID>, options?: Waiting): Promise<CID[]>

  /** Removes a block. Returns false when it was not here. Pins are the caller's concern. */
  delete(cid: CID, options?: Waiting): Promise<boolean>

  /** Yields every block that is here as a CIDv1 with the raw codec, as Kubo's `refs local` does, without reading them. */
  list(options?: Waiting): AsyncIterable<{ readonly cid: CID; readonly size: number }>
}

export type PinMode = 'recursive' | 'direct'

/** A pin as stored. The CID keeps its version and codec. */
export interface Pin {
  readonly cid: CID
  readonly mode: PinMode
  /** Empty when it has no name. */
  readonly name: string
  /** When it stops to count, in milliseconds since 1970; undefined: never. */
  readonly expires?: number | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
}

/**
 * Roots that garbage collection keeps. One pin for each CID and mode. All calls that change something flush the
 * blocks first, and are durable when they return.
 */
export interface Pins {
  /** Stores pins; one that is there is replaced (its name too). */
  put(pins: readonly Pin[]): Promise<void>
  /** Removes pins. Returns those that were not there. */
  delete(cids: readonly CID[]): Promise<CID[]>
  /** Puts and deletes in one step; `values` that are not journalled (`values.ts`) are put in the same. */
  replace(removed: readonly CID[], added: readonly Pin[], values?: ReadonlyMap<string, Uint8Array>): Promise<void>
  /** Returns the pin of a CID; one that has expired only with `expired`. */
  get(cid: CID, options?: { expired?: boolean }): Promise<Pin | undefined>
  /** Returns the pins of a block, by whichever CID; takes longer. */
  ofBlock(cid: CID): Promise<Pin[]>
  /** Yields pins; those that have expired too with `expired`. */
  list(options?: { mode?: PinMode | 'all'; name?: string; expired?: boolean }): AsyncIterable<Pin>
  /** Removes the pins that have expired, and returns how many they were. */
  deleteExpired(): Promise<number>
  count(): Promise<number>
}

/**
 * Small values that belong to the repo: the MFS root, IPNS records, the provide queue, DHT records. Keys are
 * slash-separated paths (`/local/filesroot`). Durable when a change returns.
 */
export interface Values {
  get(key: string): Promise<Uint8Array | undefined>
  put(key: string, value: Uint8Array): Promise<void>
  delete(key: string): Promise<void>
  /** Writes several at once; undefined deletes. */
  batch(changes: ReadonlyMap<string, Uint8Array | undefined>): Promise<void>
  /** Sets the value only when the present one equals `expected` (undefined: absent). Returns whether it did. */
  compareAndSwap(key: string, expected: Uint8Array | undefined, value: Uint8Array): Promise<boolean>
  /** Yields entries whose key begins with `prefix`, in key order. */
  list(prefix: string): AsyncIterable<{ readonly key: string; readonly value: Uint8Array }>
}

/** The key under which the CID of the MFS root (its bytes) is stored. Garbage collection keeps what it reaches. */
export const MFS_ROOT_KEY = '/local/filesroot'

/** What the config file holds: Kubo's JSON schema. */
export type Config = Record<string, unknown>

/** The config file, with what was overridden for this run. */
export interface ConfigStore {
  /** Returns the config as it counts for this run: the file, then `TSIPFS_*`, then `--set`. The object is a copy. */
  read(): Promise<Config>
  /** Returns the file alone. */
  readFile(): Promise<Config>
  /** Changes the file, under a lock, by a rename: `change` gets the present config and returns the new one. */
  update(change: (config: Config) => Config): Promise<void>
  /** Returns the value at a dotted key (`Addresses.API`), as it counts for this run; undefined when it is not there. */
  get(key: string): Promise<unknown>
  /** Returns what has another value for this run, in the order in which it was applied. */
  overrides?(): Promise<readonly { readonly key: string; readonly value: unknown; readonly origin: string }[]>
}

/** Named private keys, each in libp2p's protobuf form, in files of mode 0600. `self` is the repo's identity, in the config. */
export interface Keystore {
  /**
   * Returns the protobuf bytes of the private key. Throws `not-found`, and `failed` for one that is encrypted when its
   * passphrase was not given or is wrong.
   */
  get(name: string): Promise<Uint8Array>
  /** Returns the public key of a key in libp2p's protobuf form, without its passphrase too. Throws `not-found`. */
  publicKey(name: string): Promise<Uint8Array>
  /** Returns true for a key that is encrypted on disk. Throws `not-found`. */
  isEncrypted(name: string): Promise<boolean>
  /**
   * Stores a key. Throws `failed` when the name is taken and `replace` is not set, `usage` for a name that cannot be one,
   * and for a key to encrypt when no passphrase was given.
   */
  put(name: string, privateKey: Uint8Array, options?: { replace?: boolean; encrypt?: boolean }): Promise<void>
  delete(name: string): Promise<void>
  rename(from: string, to: string, options?: { replace?: boolean }): Promise<void>
  /** Returns the names, sorted, without `self`. */
  list(): Promise<string[]>
}

/** Sizes and counts of a repo. */
export interface RepoStat {
  readonly path: string
  /** Blocks in the index. */
  readonly blocks: number
  /** Bytes of blocks in the index. */
  readonly blockBytes: number
  /** Bytes on disk of everything in the repo. */
  readonly diskBytes: number
  readonly packs: number
  readonly version: number
}

/** What garbage collection, verification and repair ask of the store; only `node/gc.ts` and `commands/repo/*` use it. */
export interface Maintenance {
  /**
   * Begins a collection, the only one at its time. Mark after it has begun, then sweep, then dispose of it.
   */
  beginCollection(options: Waiting): Promise<Collection>
  /** Reads every block and yields those that are damaged or whose pack is gone. */
  verify(options: Waiting): AsyncIterable<VerifyEvent>
}

export interface Collection extends AsyncDisposable {
  /**
   * Removes every block for which `keep` returns false and that no live run has put, met or protected, and yields it;
   * then compacts packs that are mostly dead.
   */
  sweep(options: {
    keep: (multihash: Uint8Array) => boolean
    /**
     * Called before a deletion when pins or roots changed since marking began, with the pins that were put since. Must
     * extend what `keep` knows by what they and the roots reach.
     */
    remark: (added: readonly Pin[]) => Promise<void>
    /** Removes nothing, and yields what would be removed. */
    dryRun?: boolean
    /** Stop when so many bytes were freed. */
    bytesMax?: number | undefined
    signal?: AbortSignal | undefined
  }): AsyncIterable<{ readonly multihash: Uint8Array; readonly size: number }>
}

export type VerifyEvent =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number }
  | { readonly kind: 'damaged'; readonly cid: CID; readonly reason: 'flipped' | 'cut' | 'empty' | 'missing' }

/** A repo on disk. Opening it takes no lock that another process waits for, and starts no network. */
export interface Repo extends AsyncDisposable {
  /** Absolute path. */
  readonly path: string
  /** True on media that cannot be written: everything that changes something throws `failed`. */
  readonly readOnly: boolean
  readonly config: ConfigStore
  readonly blocks: Blocks
  readonly pins: Pins
  readonly values: Values
  readonly keystore: Keystore
  readonly maintenance: Maintenance
  /** Blocks that lie in files of the user. */
  readonly filestore: Filestore
  /** Begins the run of this process, if it has not begun, and returns its epoch: for `filestore.put`. */
  epoch(): Promise<number>
  stat(): Promise<RepoStat>
  /** Returns how many bytes it takes on disk, without counting its blocks: one of `stat`. */
  diskBytes(): Promise<number>
  /** Returns a text that is another one when something was committed since, here or by another process. Cheap. */
  changes(): string
}
