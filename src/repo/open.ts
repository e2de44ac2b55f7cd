import { accessSync, constants, readFileSync, statfsSync } from 'node:fs'
import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { errorCode, Failure, systemFailure } from '../contract/failure.ts'
import type { Globals } from '../contract/globals.ts'
import { BlockIndex } from './block-index.ts'
import { type DurableBlocks, PackBlocks } from './blocks.ts'
import { Checker, type CheckOther } from './check.ts'
import { openConfig } from './config.ts'
import { Filestore } from './filestore.ts'
import { openKeystore } from './keystore.ts'
import { FORMAT_VERSION, type Layout, layoutOf } from './layout.ts'
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
}

/** A repo on disk with what only its own commands need to know. */
export interface StoredRepo extends Repo {
  readonly layout: Layout
  readonly filestore: Filestore
  /** Begins the run of this process, if it has not begun, and returns its epoch. */
  epoch(): Promise<number>
  /**
   * Says that nothing that was put, met or protected so far needs to be kept but for pins and roots. A process that
   * lives long calls it whenever no command is at work in it: else nothing younger than itself is ever collected.
   */
  renew(): Promise<void>
  /** Returns true when another process has committed since the last call. */
  changedElsewhere(): boolean
}

/** Opens the repo at `path`. Takes no lock that another process waits for; the caller closes it. */
export async function openRepo(path: string, options: OpenOptions): Promise<StoredRepo> {
  const layout = layoutOf(resolve(path))
  const version = readVersion(layout)
  if (version === undefined) {
    if (options.create !== true || options.readOnly === true) throw noRepoFailure(layout)
    await initOrMeet(layout, options)
  } else await checkVersion(layout, version)
  return new DiskRepo(layout, options, await placeState(layout, options))
}

/** Returns where everything lies in the repo at `path`. Throws when there is none, or one that is not for us. */
export async function requireRepo(path: string): Promise<Layout> {
  const layout = layoutOf(resolve(path))
  const version = readVersion(layout)
  if (version === undefined) throw noRepoFailure(layout)
  await checkVersion(layout, version)
  return layout
}

/** Returns true when there is a repo of ours at `path`. */
export async function isRepo(path: string): Promise<boolean> {
  return readVersion(layoutOf(resolve(path)))?.startsWith('tsipfs ') === true
}

async function initOrMeet(layout: Layout, { globals, signal }: OpenOptions): Promise<void> {
  const { initRepo } = await import('./init.ts')
  try {
    await initRepo(layout.root, { globals, signal })
  } catch (error) {
    // Of many that make it at once one wins; the others go on with what it made.
    const made = readVersion(layout)
    if (made === undefined) throw error
    await checkVersion(layout, made)
  }
}

function readVersion(layout: Layout): string | undefined {
  try {
    return readFileSync(layout.version, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined
    throw systemFailure(error, layout.version)
  }
}

async function checkVersion(layout: Layout, text: string): Promise<void> {
  const number = Number(/^tsipfs (\d{1,9})\s*$/.exec(text)?.[1])
  if (number === FORMAT_VERSION) return
  if (number > FORMAT_VERSION) {
    throw new Failure('failed', `the repo at ${layout.root} has format ${number}, newer than ${FORMAT_VERSION}`, {
      hint: 'use a newer tsipfs',
    })
  }
  if (/^\d+\s*$/.test(text)) {
    throw new Failure('failed', `the repo at ${layout.root} is one of Kubo's`, {
      hint: `choose another with --repo-dir, and copy what this one holds with: tsipfs repo import-kubo ${layout.root}`,
    })
  }
  throw new Failure('failed', `${layout.version}: not the version of a repo`, { hint: 'is this a repo of tsipfs?' })
}

function noRepoFailure(layout: Layout): Failure {
  return new Failure('no-repo', `there is no repo at ${layout.root}`, { hint: 'make one with: tsipfs init' })
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

/** Where the state database is opened, and how. */
interface StatePlace {
  readonly file: string
  readonly readOnly: boolean
  readonly immutable: boolean
  /** Removes what was made to open it. */
  readonly remove?: () => Promise<void>
}

/**
 * Returns where to open the state database. On media that cannot be written SQLite can neither replay the log of a
 * killed run nor make the files it shares with others: a database with a log is copied, one without is read as it is.
 */
async function placeState(layout: Layout, options: OpenOptions): Promise<StatePlace> {
  const file = layout.state
  if (isWritable(layout)) return { file, readOnly: options.readOnly === true, immutable: false }
  const logSize = await stat(layout.stateCompanions.log).then(
    found => found.size,
    () => 0,
  )
  if (logSize === 0) return { file, readOnly: true, immutable: true }
  const folder = await mkdtemp(join(tmpdir(), 'tsipfs-state-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    const copy = layoutOf(folder)
    await copyFile(file, copy.state)
    await copyFile(layout.stateCompanions.log, copy.stateCompanions.log)
    return { file: copy.state, readOnly: true, immutable: false, remove }
  } catch (error) {
    await remove()
    throw systemFailure(error, file)
  }
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
  readonly #blocks: PackBlocks
  readonly #state: State
  readonly #log: RootsLog
  readonly #removeState: (() => Promise<void>) | undefined

  constructor(layout: Layout, options: OpenOptions, place: StatePlace) {
    this.layout = layout
    this.path = layout.root
    this.readOnly = place.readOnly
    this.#removeState = place.remove
    const { durability, lockTimeoutMs } = options.globals
    const durable = durability !== 'none'
    if (!this.readOnly) refuseRemote(layout)
    const { readOnly, immutable } = place
    this.#state = State.open(place.file, {
      ...{ writeLock: layout.repoLock, readOnly, immutable, durability, lockTimeoutMs },
    })
    const state = this.#state
    const index = new BlockIndex(state)
    const checker = new Checker(options.checkOther)
    const parts = { layout, state, index, checker, reader: new PackReader(layout) }
    const log = new RootsLog(layout, state, durable)
    const filestore = new Filestore(state, index, checker)
    const blocks = new PackBlocks({ ...parts, durable, filestore })
    this.#log = log
    this.#blocks = blocks
    this.blocks = blocks
    this.filestore = filestore
    this.config = openConfig(layout.root, options.globals, options.env)
    this.keystore = openKeystore(layout.root)
    this.pins = new StoredPins(state, log, blocks)
    this.values = new StoredValues(state, log, blocks)
    this.maintenance = {
      async beginCollection(waiting) {
        const { beginCollection } = await import('./collect.ts')
        return await beginCollection({ ...parts, ...{ filestore, log, blocks, lockTimeoutMs } }, waiting)
      },
      async *verify(waiting) {
        const { verifyBlocks } = await import('./verify.ts')
        await blocks.flush()
        yield* verifyBlocks({ ...parts, filestore }, waiting)
      },
    }
  }

  async epoch(): Promise<number> {
    return (await this.#blocks.beginRun()).epoch
  }

  async renew(): Promise<void> {
    await this.#blocks.renew()
  }

  changedElsewhere(): boolean {
    return this.#state.changedElsewhere()
  }

  async stat(): Promise<RepoStat> {
    const { measureRepo } = await import('./measure.ts')
    return await measureRepo(this.layout, this.#state, this.blocks)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.blocks[Symbol.asyncDispose]()
    this.#log[Symbol.dispose]()
    this.#state[Symbol.dispose]()
    await this.#removeState?.()
  }
}
