import { accessSync, constants, statfsSync } from 'node:fs'
import { errorCode, Failure, systemFailure } from '../contract/failure.ts'
import type { Globals } from '../contract/globals.ts'
import { BlockIndex } from './block-index.ts'
import { type DurableBlocks, PackBlocks } from './blocks.ts'
import { Checker, type CheckOther } from './check.ts'
import { openConfig } from './config.ts'
import type { DirectMode } from './direct-writes.ts'
import { Filestore } from './filestore.ts'
import { openKeystore } from './keystore.ts'
import type { Layout } from './layout.ts'
import { PackReader } from './pack-reader.ts'
import { StoredPins } from './pins.ts'
import type { ConfigStore, Keystore, Maintenance, Pins, Repo, RepoStat, Values } from './roles.ts'
import { RootsLog } from './roots-log.ts'
import { State } from './state.ts'
import { StoredValues } from './values.ts'

export interface OpenOptions {
  readonly globals: Globals
  /** Where overrides of the config are read from; none unless given. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  readonly signal?: AbortSignal | undefined
  /** A repo that is not there is made. */
  readonly create?: boolean | undefined
  /** Changes are refused, as on read-only media. */
  readonly readOnly?: boolean | undefined
  /** Checks blocks whose hash function the platform lacks; without it they cannot be read. */
  readonly checkOther?: CheckOther | undefined
  /** The process ends when the repo is closed: what its end does by itself is left to it. */
  readonly endsProcess?: boolean | undefined
  /** What the state database may keep in memory; a default unless given. */
  readonly cacheKib?: number | undefined
  /** When packs are written around the page cache: where that pays, unless given. */
  readonly directWrites?: DirectMode | undefined
}

/** A repo on disk with what only its own commands need to know. */
export interface StoredRepo extends Repo {
  readonly layout: Layout
  /**
   * Says that nothing that was put, met or protected so far needs to be kept but for pins and roots. A process that
   * lives long calls it whenever no command is at work in it: else nothing younger than itself is ever collected.
   */
  renew(): Promise<void>
  /** Returns true when another process has committed since the last call. */
  changedElsewhere(): boolean
}

/** File systems of other machines, by their magic number: their locks do not hold what they promise. */
const REMOTE: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x013111a8, 'IBRIX'],
])

function refuseRemote(layout: Layout): void {
  const kind = REMOTE.get(statfsSync(layout.root).type)
  if (kind === undefined) return
  throw new Failure(
    'failed',
    `the repo at ${layout.root} is on a network file system (${kind}), whose locks cannot be relied on`,
    {
      hint: 'put it on a local disk: --repo-dir, or TSIPFS_PATH',
    },
  )
}

function isWritable(layout: Layout): boolean {
  try {
    accessSync(layout.root, constants.W_OK)
    return true
  } catch (error) {
    const code = errorCode(error)
    if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') return false
    throw systemFailure(error, layout.root)
  }
}

/** What a kind of store brings along. */
interface Store {
  readonly blocks: DurableBlocks
  readonly maintenance: Maintenance
  readonly epoch: () => Promise<number>
}

/** What every part of a repo is made from. */
interface Parts {
  readonly layout: Layout
  readonly state: State
  readonly index: BlockIndex
  readonly checker: Checker
  readonly filestore: Filestore
  readonly log: RootsLog
  readonly durable: boolean
  /** One command runs here and nothing else: while it waits for the disk the process may wait. */
  readonly alone: boolean
  readonly directWrites: DirectMode | undefined
  readonly lockTimeoutMs: number
}

/** Opens the repo that is known to lie there. */
export async function openDiskRepo(layout: Layout, options: OpenOptions): Promise<StoredRepo> {
  const isWritableMedia = isWritable(layout)
  if (isWritableMedia) refuseRemote(layout)
  const { durability, lockTimeoutMs } = options.globals
  const readOnly = options.readOnly === true || !isWritableMedia
  const stateOptions = {
    writeLock: layout.repoLock,
    readOnly,
    durability,
    lockTimeoutMs,
    endsProcess: options.endsProcess,
    cacheKib: options.cacheKib,
  }
  const opened = isWritableMedia
    ? { state: await State.openWhenFree(layout.state, stateOptions, { signal: options.signal }) }
    : await (await import('./read-only-state.ts')).openReadOnlyState(layout, stateOptions)
  const { state } = opened
  try {
    const index = new BlockIndex(state)
    const checker = new Checker(options.checkOther)
    const durable = durability !== 'none'
    const alone = options.endsProcess === true
    const parts: Parts = {
      ...{ layout, state, index, checker, durable, alone, lockTimeoutMs, directWrites: options.directWrites },
      filestore: new Filestore(state, index, checker),
      log: new RootsLog(layout, state, durable, alone),
    }
    const engine = await state.read(() => state.engine(), { signal: options.signal })
    const store = engine === 'flatfs' ? await flatStore(parts) : packStore(parts)
    return new DiskRepo(parts, store, options, readOnly, 'remove' in opened ? opened.remove : undefined)
  } catch (error) {
    state[Symbol.dispose]()
    throw error
  }
}

function packStore(parts: Parts): Store {
  const reader = new PackReader(parts.layout)
  const blocks = new PackBlocks({ ...parts, reader })
  return {
    blocks,
    epoch: async () => (await blocks.beginRun()).epoch,
    maintenance: {
      async beginCollection(waiting) {
        const { beginCollection } = await import('./collect.ts')
        return await beginCollection({ ...parts, reader, blocks }, waiting)
      },
      async *verify(waiting) {
        const { verifyBlocks } = await import('./verify.ts')
        await blocks.flush()
        yield* verifyBlocks({ ...parts, reader }, waiting)
      },
    },
  }
}

async function flatStore(parts: Parts): Promise<Store> {
  const [{ FlatBlocks }, { flatMaintenance }] = await Promise.all([
    import('./flatfs.ts'),
    import('./flatfs-maintenance.ts'),
  ])
  const blocks = new FlatBlocks(parts)
  const epoch = async (): Promise<number> => {
    await blocks.hold()
    return 0
  }
  return { blocks, epoch, maintenance: flatMaintenance({ ...parts, blocks }) }
}

class DiskRepo implements StoredRepo {
  readonly layout: Layout
  readonly path: string
  readonly readOnly: boolean
  readonly config: ConfigStore
  readonly keystore: Keystore
  readonly blocks: DurableBlocks
  readonly pins: Pins
  readonly values: Values
  readonly filestore: Filestore
  readonly maintenance: Maintenance
  readonly epoch: () => Promise<number>
  readonly #parts: Parts
  readonly #remove: (() => Promise<void>) | undefined

  constructor(
    parts: Parts,
    store: Store,
    options: OpenOptions,
    readOnly: boolean,
    remove: (() => Promise<void>) | undefined,
  ) {
    const { layout, state, log } = parts
    this.#parts = parts
    this.#remove = remove
    this.layout = layout
    this.path = layout.root
    this.readOnly = readOnly
    this.blocks = store.blocks
    this.maintenance = store.maintenance
    this.epoch = store.epoch
    this.filestore = parts.filestore
    this.config = openConfig(layout.root, options.globals, options.env)
    this.keystore = openKeystore(layout.root, options.env)
    this.pins = new StoredPins(state, log, store.blocks)
    this.values = new StoredValues(state, log, store.blocks)
  }

  async renew(): Promise<void> {
    await this.blocks.renew()
  }

  changedElsewhere(): boolean {
    return this.#parts.state.changedElsewhere()
  }

  changes(): string {
    return this.#parts.state.changes()
  }

  async stat(): Promise<RepoStat> {
    const { measureRepo } = await import('./measure.ts')
    return await measureRepo(this.layout, this.#parts.state, this.blocks)
  }

  async diskBytes(): Promise<number> {
    const { measureDisk } = await import('./measure.ts')
    return await measureDisk(this.layout)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.blocks[Symbol.asyncDispose]()
    } finally {
      this.#parts.log[Symbol.dispose]()
      this.#parts.state[Symbol.dispose]()
      await this.#remove?.()
    }
  }
}
