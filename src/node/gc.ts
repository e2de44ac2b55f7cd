import { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import { Breath } from '../repo/pause.ts'
import { type Blocks, MFS_ROOT_KEY, type Pin, type Repo, type Waiting } from '../repo/roles.ts'
import { isLinkless, linksOf } from './codecs.ts'
import { HashSet } from './hash-set.ts'
import { BASE32, encodeMultibase } from './multibase.ts'

const RAW = 0x55
/** Blocks that are read together. */
const BATCH_MAX = 256

export interface CollectOptions extends Waiting {
  /** Removes nothing, and yields what would be removed. */
  readonly dryRun?: boolean | undefined
  /** Stops when blocks of so many bytes were removed. */
  readonly bytesMax?: number | undefined
}

/** What calls in this process need for as long as they run, without a pin. */
const neededRoots = new WeakMap<Repo, Set<CID>>()

/** Keeps a DAG from the collections of this process until what it returns is disposed of; other processes see the run. */
export function keepWhile(repo: Repo, root: CID): Disposable {
  const roots = neededRoots.get(repo) ?? new Set()
  neededRoots.set(repo, roots)
  // A CID of its own: two calls may need the same DAG.
  const own = CID.decode(root.bytes)
  roots.add(own)
  return { [Symbol.dispose]: () => roots.delete(own) }
}

/** A block that was removed. */
export interface Removed {
  /** The raw CIDv1 of its multihash. */
  readonly cid: string
  readonly size: number
}

/**
 * Removes what no pin, MFS or live command needs, and yields each block that was removed. Pins that have expired go
 * first. Removes nothing when a
 * pinned DAG has a hole: what is below the hole cannot be told from rubbish.
 */
export async function* collectGarbage(repo: Repo, options: CollectOptions = {}): AsyncIterable<Removed> {
  const { signal } = options
  if (options.dryRun !== true) await repo.pins.deleteExpired()
  await using collection = await repo.maintenance.beginCollection({ signal })
  const marks = new Marks(repo.blocks, signal)
  for await (const pin of repo.pins.list()) await marks.addPin(pin)
  await marks.addMfs(repo)
  await marks.addNeeded(repo)
  const removed = collection.sweep({
    keep: multihash => marks.has(multihash),
    async remark(added) {
      for (const pin of added) await marks.addPin(pin)
      await marks.addMfs(repo)
      await marks.addNeeded(repo)
    },
    ...{ dryRun: options.dryRun ?? false, bytesMax: options.bytesMax, signal },
  })
  for await (const { multihash, size } of removed) yield { cid: rawCidText(multihash), size }
}

/** Without a CID in between, which takes longer to make than the block to remove. */
function rawCidText(multihash: Uint8Array): string {
  const bytes = new Uint8Array(2 + multihash.length)
  bytes[0] = 1
  bytes[1] = RAW
  bytes.set(multihash, 2)
  return encodeMultibase(BASE32, bytes)
}

/** What garbage collection keeps. */
class Marks {
  readonly #blocks: Blocks
  readonly #signal: AbortSignal | undefined
  /** Everything that is kept, by parts of its hash: a mistake keeps a block too many. */
  readonly #kept = new HashSet()
  /** What was walked, told apart exactly: a mistake here would lose what is below. Leaves are not among it. */
  readonly #walked = new Set<string>()
  readonly #breath = new Breath()

  constructor(blocks: Blocks, signal: AbortSignal | undefined) {
    this.#blocks = blocks
    this.#signal = signal
  }

  has(multihash: Uint8Array): boolean {
    return this.#kept.has(multihash)
  }

  async addPin({ cid, mode }: Pin): Promise<void> {
    if (mode === 'direct') this.#kept.add(cid.multihash.bytes)
    else await this.#walk(cid, 'whole')
  }

  /** Marks what MFS reaches and is here: MFS may link to what was never fetched. */
  async addMfs(repo: Repo): Promise<void> {
    const root = await repo.values.get(MFS_ROOT_KEY)
    if (root !== undefined) await this.#walk(CID.decode(root), 'partial')
  }

  async addNeeded(repo: Repo): Promise<void> {
    for (const root of neededRoots.get(repo) ?? []) await this.#walk(root, 'partial')
  }

  async #walk(root: CID, extent: 'whole' | 'partial'): Promise<void> {
    const pending: CID[] = []
    this.#push(pending, root)
    while (pending.length > 0) {
      const batch = pending.splice(Math.max(0, pending.length - BATCH_MAX))
      const parents = await this.#parentsAmong(batch, root, extent)
      let read = 0
      try {
        for await (const { cid, bytes } of this.#blocks.getMany(parents, { signal: this.#signal })) {
          const links = linksOf(cid, bytes)
          for (const link of links instanceof Promise ? await links : links) this.#push(pending, link.cid)
          read += 1
          if (this.#breath.due) await this.#breath.take(this.#signal)
        }
      } catch (error) {
        this.#signal?.throwIfAborted()
        const at = parents[read]
        throw error instanceof Failure && at !== undefined ? unreadableFailure(error, root, at, extent) : error
      }
    }
  }

  /** Marks a block, and puts it on the list of those to walk unless it is known to have no links, or was walked. */
  #push(pending: CID[], cid: CID): void {
    this.#kept.add(cid.multihash.bytes)
    if (isLinkless(cid.code)) return
    const { bytes } = cid.multihash
    const key = `${cid.code}:${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')}`
    if (this.#walked.has(key)) return
    this.#walked.add(key)
    pending.push(cid)
  }

  /** Returns those that may have links. */
  async #parentsAmong(cids: readonly CID[], root: CID, extent: 'whole' | 'partial'): Promise<CID[]> {
    const parents: CID[] = []
    const stats = await this.#blocks.statMany(cids, { signal: this.#signal })
    for (const [nth, cid] of cids.entries()) {
      const known = stats[nth]
      if (known === undefined && extent === 'whole') throw holeFailure(root, cid)
      if (known !== undefined && !known.leaf) parents.push(cid)
      if (this.#breath.due) await this.#breath.take(this.#signal)
    }
    return parents
  }
}

function holeFailure(root: CID, missing: CID): Failure {
  return new Failure('not-found', `block ${missing}, below the pin ${root}, is not in the repo: nothing was removed`, {
    hint: `fetch it with: tsipfs pin add ${root}; or give the pin up with: tsipfs pin rm ${root}`,
    data: { cid: missing.toString(), pin: root.toString() },
  })
}

/** What a block that cannot be read links to is not known: it could be among what would be removed. */
function unreadableFailure(error: Failure, root: CID, cid: CID, extent: 'whole' | 'partial'): Failure {
  const [place, way] =
    extent === 'whole'
      ? [`the pin ${root}`, `give the pin up with: tsipfs pin rm ${root}`]
      : [
          `what is in use at ${root} (MFS)`,
          'find the file with: tsipfs files stat, and remove it with: tsipfs files rm',
        ]
  const heal = error.kind === 'data-mismatch' ? 'add the same data again to heal it, or ' : ''
  return new Failure(
    error.kind,
    `block ${cid}, below ${place}, cannot be read: ${error.message}: nothing was removed`,
    {
      hint: `${heal}${way}`,
      data: { cid: cid.toString(), pin: root.toString() },
      cause: error,
    },
  )
}
