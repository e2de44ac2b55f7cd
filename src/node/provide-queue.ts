import { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import type { Config, Values, Waiting } from '../repo/roles.ts'
import type { Node } from './node.ts'

/** What commands left to be provided lies below this key: one pair for each root. */
export const PROVIDE_QUEUE_KEY = '/local/provide/queue/'

/** `root`: this block alone. `dag`: it and all below it. */
export type ProvideScope = 'root' | 'dag'

/** A root that waits to be provided. */
export interface QueuedProvide {
  /** The key to delete when it was provided. */
  readonly key: string
  readonly cid: CID
  readonly scope: ProvideScope
}

const SCOPES: readonly ProvideScope[] = ['root', 'dag']

/** Returns the pair that stands for a root in the queue. */
export function provideEntry(cid: CID, scope: ProvideScope): readonly [key: string, value: Uint8Array] {
  const text = (cid.version === 0 ? cid.toV1() : cid).toString()
  return [`${PROVIDE_QUEUE_KEY}${text}`, Uint8Array.of(SCOPES.indexOf(scope))]
}

/** Leaves roots to be provided, in one step. The daemon on this repo, or the next one, does it. */
export async function queueProvide(values: Values, cids: readonly CID[], scope: ProvideScope = 'root'): Promise<void> {
  if (cids.length > 0) await values.batch(new Map(cids.map(cid => provideEntry(cid, scope))))
}

/** Returns true for a root that waits to be provided. */
export async function isQueued(values: Values, cid: CID): Promise<boolean> {
  return (await values.get(provideEntry(cid, 'root')[0])) !== undefined
}

/** Yields what waits to be provided. */
export async function* queuedProvides(values: Values): AsyncIterable<QueuedProvide> {
  for await (const { key, value } of values.list(PROVIDE_QUEUE_KEY)) {
    yield { key, cid: CID.parse(key.slice(PROVIDE_QUEUE_KEY.length)), scope: SCOPES[value[0] ?? 0] ?? 'root' }
  }
}

/** What a command knows of the DAGs that it made. */
export interface ProvideReason {
  readonly pinned: boolean
  readonly inFiles: boolean
  /** `--fast-provide-root` and `--fast-provide-dag`; undefined: as the config says. */
  readonly root?: boolean | undefined
  readonly dag?: boolean | undefined
}

/** Returns how much of a new DAG is to be provided by `Provide.*` and `Import.FastProvide*`; undefined: nothing. */
export function provideScope(config: Config, reason: ProvideReason): ProvideScope | undefined {
  const provide = section(config.Provide)
  if (provide.Enabled === false) return undefined
  const parts = strategyParts(provide.Strategy)
  if (parts.includes('all')) return 'dag'
  const { pinned, inFiles } = reason
  const isMeant =
    ((parts.includes('pinned') || parts.includes('roots')) && pinned) || (parts.includes('mfs') && inFiles)
  if (!isMeant) return undefined
  const importing = section(config.Import)
  if (!parts.includes('roots') && (reason.dag ?? importing.FastProvideDAG === true)) return 'dag'
  return (reason.root ?? importing.FastProvideRoot !== false) ? 'root' : undefined
}

/** When what was made is announced. `queue`: by the daemon, now or later. `wait`: before the command ends. */
export type ProvideWhen = 'queue' | 'wait' | 'none'

/** What a command is asked to do about announcing. */
export interface ProvideWish {
  /** `--provide`; undefined: as the other options, and the config, say. */
  readonly provide?: string | undefined
  readonly fastProvideRoot: boolean | undefined
  readonly fastProvideDag: boolean | undefined
  readonly fastProvideWait: boolean | undefined
}

/** What is to be announced of the roots that a command has made, and whether it waits. */
export interface ProvidePlan {
  /** What the queue gets; undefined: nothing. */
  readonly scope: ProvideScope | undefined
  /** `must`: what cannot be announced fails the command. `may`: as Kubo does, without a network it does not matter. */
  readonly wait: 'must' | 'may' | undefined
  /** All blocks are waited for, not the roots alone. */
  readonly waitsForAll: boolean
}

/** Returns what a command is to do. Throws `usage` when it is to wait, and nothing may be announced. */
export function providePlan(
  config: Config,
  wish: ProvideWish,
  reason: Pick<ProvideReason, 'pinned' | 'inFiles'>,
  offline: boolean,
): ProvidePlan {
  if (wish.provide === 'none') return { scope: undefined, wait: undefined, waitsForAll: false }
  const isAsked = wish.provide === 'wait'
  if (isAsked && offline) {
    throw new Failure('usage', 'nothing can be announced with --offline', { hint: 'leave one of the two out' })
  }
  const [root, dag] = [isAsked ? true : wish.fastProvideRoot, wish.fastProvideDag]
  const scope = provideScope(config, { ...reason, root, dag })
  if (isAsked && scope === undefined) {
    throw new Failure('usage', 'by Provide.Enabled and Provide.Strategy of the config this is not announced', {
      hint: 'leave out --provide=wait, or add --set Provide.Enabled=true --set Provide.Strategy=all',
    })
  }
  const importing = section(config.Import)
  const isFast = wish.fastProvideWait ?? importing.FastProvideWait === true
  const isRootMeant = root ?? importing.FastProvideRoot !== false
  const waitsForAll = dag ?? importing.FastProvideDAG === true
  const mayWait = isFast && scope !== undefined && !offline && (isRootMeant || waitsForAll)
  return { scope, wait: isAsked ? 'must' : mayWait ? 'may' : undefined, waitsForAll }
}

/**
 * Leaves roots that were pinned to be announced, and waits when --fast-provide-wait asks for that. `isFatal`: that
 * nobody takes them is a failure.
 */
export async function announceRoots(
  node: Node,
  roots: readonly CID[],
  wish: ProvideWish & { readonly pinned: boolean; readonly isFatal: boolean },
  options: Waiting = {},
): Promise<void> {
  const config = await node.repo.config.read()
  const plan = providePlan(config, wish, { pinned: wish.pinned, inFiles: false }, node.globals.offline)
  if (plan.scope === undefined) return
  await queueProvide(node.repo.values, roots, plan.scope)
  if (plan.wait === undefined) return
  const { provideAndWait } = await import('./provide-wait.ts')
  try {
    await provideAndWait(node, roots, plan, options)
  } catch (error) {
    options.signal?.throwIfAborted()
    if (wish.isFatal || !(error instanceof Failure)) throw error
  }
}

const STRATEGIES: readonly string[] = ['all', 'flat', 'pinned', 'roots', 'mfs', 'unique', 'entities']

function strategyParts(strategy: unknown): string[] {
  const text = typeof strategy === 'string' && strategy !== '' ? strategy : 'all'
  const parts = text.split('+')
  const unknown = parts.find(part => !STRATEGIES.includes(part))
  if (unknown !== undefined)
    throw new Failure('failed', `unknown token in Provide.Strategy: ${JSON.stringify(unknown)}`)
  return parts.map(part => (part === 'flat' ? 'all' : part))
}

function section(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}
