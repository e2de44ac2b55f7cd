import { Failure } from '../../contract/failure.ts'
import type { SourceEntry } from '../../contract/source.ts'
import type { Blocks, Config, Pin, Repo, Waiting } from '../../repo/roles.ts'
import type { CidFormat } from '../mfs/format.ts'
import { linkIntoMfs } from '../mfs/link.ts'
import type { Node } from '../node.ts'
import { checkPinName, marksOf } from '../pinner.ts'
import { type ProvidePlan, type ProvideScope, type ProvideWish, provideEntry, providePlan } from '../provide-queue.ts'
import { Checkpoint } from './checkpoint.ts'
import type { LeafPlace } from './import-file.ts'
import { type Imported, type ImportProgress, TreeImport } from './import-tree.ts'
import type { FilesBefore } from './known-files.ts'
import { type ImportOptions, type ImportSettings, importSettingsOf } from './settings.ts'

/** What `add` is asked for. */
export interface AddOptions extends ImportOptions, ProvideWish, Waiting {
  readonly wrapWithDirectory: boolean
  readonly emptyDirs: boolean
  readonly onlyHash: boolean
  readonly silent: boolean
  readonly progress: boolean
  readonly pin: boolean
  readonly pinName: string | undefined
  /** Where in MFS the roots are linked; undefined: nowhere. */
  readonly toFiles: string | undefined
  /** Throws when the roots are not what the caller expects; called before anything is linked or pinned. */
  readonly checkRoots?: ((roots: readonly Imported[]) => void) | undefined
  /** Files that need not be read again. */
  readonly known?: FilesBefore | undefined
  /** Go on where a run that was killed has stopped, and leave a mark now and then for the next one. */
  readonly checkpoint: boolean
  /** How often. */
  readonly checkpointMs?: number
  /** Returns true for roots with which everything has been done before. */
  readonly isKnown?: ((roots: readonly Imported[]) => boolean) | undefined
  /** Yield a CAR of what was added. */
  readonly toCar?: boolean | undefined
  readonly fscache: boolean
}

/** Bytes of the CAR, in order; all of them come before anything is pinned. */
export interface CarPiece {
  readonly car: Uint8Array
}

export type AddEvent = Imported | ImportProgress | CarPiece

/** So many results wait for the end at most; before more come in, what they name is flushed. */
const WAITING_MAX = 32_768

/**
 * Adds what a source yields, pins the roots, and yields each thing that was added once it is durable: with the pins,
 * at the end, in one flush for all; progress at once. When it fails nothing is pinned.
 */
export async function* addAll(
  node: Node,
  source: AsyncIterable<SourceEntry>,
  options: AddOptions,
): AsyncGenerator<AddEvent> {
  checkPinName(options.pinName)
  const { repo } = node
  const config = await repo.config.read()
  const settings = importSettingsOf(config, options)
  const plan = providePlan(
    config,
    options,
    { pinned: options.pin, inFiles: options.toFiles !== undefined },
    node.globals.offline,
  )
  if (options.onlyHash && options.nocopy) {
    const { requireFilestore } = await import('./file-place.ts')
    requireFilestore(config, NOCOPY_WORD)
  }
  const place = options.onlyHash ? nowhere() : await placeOf(repo, config, options, settings.file)
  const checkpoint = await checkpointOf(repo, settings, options)
  const tree = new TreeImport(place.blocks, settings, {
    wrap: options.wrapWithDirectory,
    skipsEmpty: !options.emptyDirs,
    silent: options.silent,
    reportsProgress: options.progress,
    leavesOf: place.leavesOf,
    known: options.known ?? checkpoint,
    signal: options.signal,
  })
  let waiting: Imported[] = []
  for await (const event of tree.run(source)) {
    if ('bytes' in event) yield event
    else if (waiting.push(event) >= WAITING_MAX) {
      await place.flush()
      yield* waiting
      waiting = []
    }
  }
  options.checkRoots?.(tree.roots)
  if (!options.onlyHash && options.isKnown?.(tree.roots) !== true) {
    await place.flushRows()
    if (options.toCar === true) yield* carOf(repo, tree.roots, options)
    const refused = await linkRoots(node, tree.roots, options)
    await keepRoots(repo, tree.roots, options, plan.scope)
    await checkpoint?.done()
    if (refused !== undefined) {
      // What was added is there and pinned all the same.
      yield* waiting
      throw refused
    }
  }
  yield* waiting
  if (!options.onlyHash && plan.wait !== undefined) await provideRoots(node, tree.roots, plan, options)
}

/** As in Kubo, --fast-provide-wait is about what was named last; --provide=wait about all. */
async function provideRoots(
  node: Node,
  roots: readonly Imported[],
  plan: ProvidePlan,
  { signal }: AddOptions,
): Promise<void> {
  const { provideAndWait } = await import('../provide-wait.ts')
  const cids = roots.map(({ cid }) => cid)
  await provideAndWait(node, plan.wait === 'must' ? cids : cids.slice(-1), plan, { signal })
}

async function checkpointOf(
  repo: Repo,
  settings: ImportSettings,
  { checkpoint, checkpointMs, known, onlyHash, nocopy, fscache, signal }: AddOptions,
): Promise<Checkpoint | undefined> {
  if (!checkpoint || known !== undefined || onlyHash || nocopy || fscache) return undefined
  return await Checkpoint.open(repo, settings, {
    signal,
    ...(checkpointMs === undefined ? {} : { everyMs: checkpointMs }),
  })
}

async function* carOf(repo: Repo, roots: readonly Imported[], { signal }: AddOptions): AsyncGenerator<CarPiece> {
  const { exportRoots } = await import('../dag-export.ts')
  const cids = [...new Map(roots.map(({ cid }) => [cid.toString(), cid])).values()]
  for await (const car of exportRoots(repo.blocks, cids, { signal })) yield { car }
}

/** Links the roots into MFS, where that is asked for; returns why that cannot be. */
async function linkRoots(
  node: Node,
  roots: readonly Imported[],
  { toFiles, signal }: AddOptions,
): Promise<Failure | undefined> {
  if (toFiles === undefined) return undefined
  try {
    for (const { cid, top } of roots) await linkIntoMfs(node, toFiles, cid, { name: top.name, signal })
  } catch (error) {
    if (error instanceof Failure) return error
    throw error
  }
  return undefined
}

/** Pins the roots, and leaves them to be provided, in the transaction that makes all blocks durable. */
async function keepRoots(
  repo: Repo,
  roots: readonly Imported[],
  { pin, pinName = '', signal }: AddOptions,
  scope: ProvideScope | undefined,
): Promise<void> {
  const queue = new Map(scope === undefined ? [] : roots.map(({ cid }) => provideEntry(cid, scope)))
  if (pin) {
    const pins: Pin[] = []
    // Labels of a pin that is there stay; one that was to expire lasts for ever, as with `pin add`.
    for (const { cid } of roots)
      pins.push({ cid, mode: 'recursive', name: pinName, ...marksOf(await repo.pins.get(cid)) })
    // A direct pin of the same block is taken over.
    await repo.pins.replace(
      roots.map(({ cid }) => cid),
      pins,
      queue,
    )
    return
  }
  await repo.blocks.flush({ signal })
  if (queue.size > 0) await repo.values.batch(queue)
}

/** Where blocks go. */
interface Place {
  readonly blocks: Pick<Blocks, 'put'>
  readonly leavesOf?: ((entry: SourceEntry) => LeafPlace) | undefined
  /** Makes what was put durable. */
  flush(): Promise<void>
  /** Stores what lies in files of the user. */
  flushRows(): Promise<void>
}

function nowhere(): Place {
  const nothing = async (): Promise<void> => undefined
  return { blocks: { put: async (_cid, _bytes, options) => options?.release?.() }, flush: nothing, flushRows: nothing }
}

async function placeOf(
  repo: Repo,
  config: Config,
  { nocopy, fscache, signal }: AddOptions,
  format: CidFormat,
): Promise<Place> {
  if (!nocopy && !fscache) {
    return { blocks: repo.blocks, flush: () => repo.blocks.flush({ signal }), flushRows: async () => undefined }
  }
  const { FilePlace, requireFilestore } = await import('./file-place.ts')
  if (nocopy) requireFilestore(config, NOCOPY_WORD)
  const place = new FilePlace(repo, { signal })
  return {
    blocks: place,
    leavesOf: nocopy ? entry => place.leavesOf(entry, format) : undefined,
    flush: () => place.flush(),
    flushRows: () => place.flushRows(),
  }
}

const NOCOPY_WORD =
  'either the filestore or the urlstore must be enabled to use nocopy, see: ' +
  'https://github.com/ipfs/kubo/blob/master/docs/experimental-features.md#ipfs-filestore'
